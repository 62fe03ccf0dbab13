import GateModel
package import GateStore

/// What every store keeps to, whatever it is made of. Each case runs on a fresh, empty store:
///
///     @Test(arguments: StoreContract.cases) func `keeps the contract`(promise: StoreContract.Case) async throws {
///         let clock = ManualStoreClock()
///         try await promise.check(StoreContract.Subject(store: MemoryStore(clock: clock.read), clock: clock))
///     }
package enum StoreContract {
    /// A fresh store and the clock that it runs on.
    package struct Subject: Sendable {
        package let store: any ServedStore
        package let clock: ManualStoreClock

        package init(store: any ServedStore, clock: ManualStoreClock) {
            self.store = store
            self.clock = clock
        }
    }

    /// One promise.
    package struct Case: Sendable, CustomStringConvertible {
        /// The promise as a sentence.
        package let description: String
        /// Throws a `Violation` if the store does not keep it.
        package let check: @Sendable (Subject) async throws -> Void

        init(_ description: String, _ check: @escaping @Sendable (Subject) async throws -> Void) {
            self.description = description
            self.check = check
        }
    }

    /// Which part of a promise was broken.
    package struct Violation: Error, CustomStringConvertible {
        package let description: String
    }

    /// Every promise.
    package static let cases: [Case] =
        settings + peers + access + reputation + workers + sessions + rights + data + changes

    /// Promises about the vault's rows and the workers' numbers, for stores that are databases.
    package static func checkVault(_ store: any NodeStore) async throws {
        let first = try await store.workerID(of: "kernel-1")
        let second = try await store.workerID(of: "kernel-2")
        try await expect(store.workerID(of: "kernel-1") == first, "a name keeps its number")
        try expect(first != second, "names have different numbers")
        let registered = try await store.registerWorker(two, lease: lease)
        try expect(registered.id == second, "a registration has its name's number")
        try await expect(store.vaultRow("identity") == nil, "an unknown row is nil")
        try await store.putVaultRow("identity", [1, 2, 3], replacing: false)
        try await expect(store.vaultRow("identity") == [1, 2, 3], "a row is read as it was written")
        try await expect(.conflict) { try await store.putVaultRow("identity", [4], replacing: false) }
        try await store.putVaultRow("identity", [4], replacing: true)
        try await expect(store.vaultRow("identity") == [4], "a row can be replaced")
    }

    static func expect(_ isKept: Bool, _ promise: String) throws {
        guard isKept else { throw Violation(description: "broken: \(promise)") }
    }

    static func expect(_ failure: StoreFailure, _ act: () async throws -> Void) async throws {
        do {
            try await act()
        } catch let thrown as StoreFailure {
            guard thrown == failure else { throw Violation(description: "threw \(thrown), not \(failure)") }
            return
        }
        throw Violation(description: "did not throw \(failure)")
    }

    /// Expects `.invalid`, whatever its sentence.
    static func expectInvalid(_ act: () async throws -> Void) async throws {
        do {
            try await act()
        } catch StoreFailure.invalid {
            return
        }
        throw Violation(description: "accepted what is not valid")
    }

    static func node(_ number: UInt64) -> NodeUUID { NodeUUID(UUIDBytes(high: number, low: 0x8000_0000_0000_0000)) }

    static func sighting(_ node: NodeUUID, bundle: UInt8, at seconds: Int64) -> PeerSighting {
        PeerSighting(
            node: node, bundleHash: [UInt8](repeating: bundle, count: 32), features: 5, isRelay: true,
            record: [9, 9], at: UnixTime(seconds: seconds))
    }
}
