import GateStore
import GateTestKit
import Testing

@Suite struct TheMemoryStore {
    @Test(arguments: StoreContract.cases)
    func `keeps the contract`(promise: StoreContract.Case) async throws {
        let clock = ManualStoreClock()
        try await promise.check(StoreContract.Subject(store: MemoryStore(clock: clock.read), clock: clock))
    }

    @Test func `keeps sealed rows`() async throws {
        try await StoreContract.checkVault(MemoryStore(clock: ManualStoreClock().read))
    }

    @Test func `gives sessions to other workers`() async throws {
        let clock = ManualStoreClock()
        try await StoreContract.checkTakeover(MemoryStore(clock: clock.read), clock)
    }

    @Test func `takes nothing from superseded epochs in a thousand random histories`() async throws {
        for seed: UInt64 in 1...1000 {
            let clock = ManualStoreClock()
            try await StoreContract.checkHistory(MemoryStore(clock: clock.read), clock, seed: seed)
        }
    }
}
