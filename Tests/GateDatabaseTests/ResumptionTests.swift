import GateCrypto
import GateDatabase
import GateModel
import GateSession
import GateStore
import GateTestKit
import Testing

@Suite struct TheVaultsSecretsOfSessions {
    private let clock = ManualStoreClock()
    private let peer = NodeUUID(UUIDBytes(high: 5, low: 5))
    private let id = SessionID(UUIDBytes(high: 1, low: 1))
    private let old = [UInt8](repeating: 1, count: ResumptionProof.secretBytes)
    private let new = [UInt8](repeating: 2, count: ResumptionProof.secretBytes)

    private func proof(with secret: [UInt8], over hash: [UInt8]) -> SessionProof {
        let name = Label.resumptionProof.bytes + id.value.bytes
        var code = [UInt8](repeating: 0, count: 32)
        secret.withUnsafeBytes { secret in
            name.withUnsafeBytes { name in
                hash.withUnsafeBytes { hash in
                    code.withUnsafeMutableBytes { NoiseHash.sha256.authenticate(key: secret, name, hash, into: $0) }
                }
            }
        }
        return SessionProof(code: code, handshakeHash: hash)
    }

    /// A vault, and the worker that takes over what another wrote down there.
    private func vault() async throws -> (IdentityVault, WorkerEpoch) {
        let store = MemoryStore(clock: clock.read)
        let key = try Vault.makeKey()
        _ = try await IdentityVault.initialise(in: store, key: key)
        let vault = try await IdentityVault(opening: store, key: key, clock: clock.read)
        func register(_ name: String) async throws -> WorkerEpoch {
            try await store.registerWorker(
                WorkerRegistration(name: name, linkAddress: "", adminAddress: ""), lease: .seconds(15)
            ).epoch
        }
        let holder = try await register("kernel-1")
        let row = SessionRow(
            id: id, peer: peer, worker: "kernel-1", isRelayed: false, isInbound: true, since: UnixTime(seconds: 0))
        _ = try await vault.noteSessions(
            of: "kernel-1", epoch: holder, opened: [SessionNote(row: row, secret: old)], closed: [])
        return (vault, try await register("kernel-2"))
    }

    private func takeover(_ epoch: WorkerEpoch, by worker: String = "kernel-2", secret: [UInt8]) -> SessionTakeover {
        SessionTakeover(id: id, peer: peer, worker: worker, workerEpoch: epoch, secret: secret)
    }

    @Test func `one serves once, and the same takeover asked again is told the same`() async throws {
        let (vault, epoch) = try await vault()
        let shown = proof(with: old, over: [UInt8](repeating: 3, count: 32))
        #expect(try await vault.resumeSession(takeover(epoch, secret: new), proof: shown) == 1)
        #expect(try await vault.resumeSession(takeover(epoch, secret: new), proof: shown) == 1)
        let third = [UInt8](repeating: 4, count: ResumptionProof.secretBytes)
        await #expect(throws: StoreFailure.notProven) {
            _ = try await vault.resumeSession(takeover(epoch, secret: third), proof: shown)
        }
        await #expect(throws: StoreFailure.notProven) {
            _ = try await vault.resumeSession(takeover(epoch, by: "kernel-1", secret: new), proof: shown)
        }
        let next = proof(with: new, over: [UInt8](repeating: 5, count: 32))
        #expect(try await vault.resumeSession(takeover(epoch, secret: third), proof: next) == 2)
    }

    @Test func `a worker that lost its lease is not told again`() async throws {
        let (vault, epoch) = try await vault()
        let shown = proof(with: old, over: [UInt8](repeating: 3, count: 32))
        #expect(try await vault.resumeSession(takeover(epoch, secret: new), proof: shown) == 1)
        clock.advance(by: .seconds(20))
        await #expect(throws: StoreFailure.leaseLost) {
            _ = try await vault.resumeSession(takeover(epoch, secret: new), proof: shown)
        }
    }
}
