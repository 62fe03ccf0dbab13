import Foundation
import GateCrypto
import GateDatabase
import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateSQLite
import GateStore
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Testing

@Suite struct TheVault {
    private let clock = ManualStoreClock()

    private func opened(_ store: MemoryStore, _ key: GuardedSecret) async throws -> IdentityVault {
        _ = try await IdentityVault.initialise(in: store, key: key)
        return try await IdentityVault(opening: store, key: key, clock: clock.read)
    }

    @Test func `an identity is the same after it is opened again`() async throws {
        let store = MemoryStore(clock: clock.read)
        let key = try Vault.makeKey()
        let node = try await IdentityVault.initialise(in: store, key: key)
        let vault = try await IdentityVault(opening: store, key: key, clock: clock.read)
        #expect(vault.node == node)
        #expect(await vault.identityBundle() == vault.bundle.encoded)
    }

    @Test func `a second identity is refused`() async throws {
        let store = MemoryStore(clock: clock.read)
        let key = try Vault.makeKey()
        _ = try await IdentityVault.initialise(in: store, key: key)
        await #expect(throws: StoreFailure.conflict) { _ = try await IdentityVault.initialise(in: store, key: key) }
    }

    @Test func `a missing identity, a wrong key and a changed row are told apart`() async throws {
        let store = MemoryStore(clock: clock.read)
        let key = try Vault.makeKey()
        await #expect(throws: StoreFailure.notFound) {
            _ = try await IdentityVault(opening: store, key: key, clock: clock.read)
        }
        _ = try await IdentityVault.initialise(in: store, key: key)
        let other = try Vault.makeKey()
        await #expect(throws: StoreFailure.wrongVaultKey) {
            _ = try await IdentityVault(opening: store, key: other, clock: clock.read)
        }
        try await store.putVaultRow("identity", [1, 2, 3], replacing: true)
        await #expect(throws: StoreFailure.damaged("the identity's row in the vault is none")) {
            _ = try await IdentityVault(opening: store, key: key, clock: clock.read)
        }
    }

    @Test func `a worker that proves its key gets a certificate for it`() async throws {
        let store = MemoryStore(clock: clock.read)
        let vault = try await opened(store, Vault.makeKey())
        let key = try StaticKey()
        let certified = try await certify(key, by: vault, as: "kernel-1")
        #expect(certified.node == vault.node)
        var bytes = ByteBuffer(bytes: certified.certificate)
        let certificate = try #require(WorkerCertificate(from: &bytes))
        let now = UnixTime(seconds: clock.read() / 1000)
        let node = try certificate.verify(expecting: vault.node, staticKey: key.publicKey, own: nil, at: now)
        #expect(node == vault.node)
        #expect(certificate.worker == (try await store.workerID(of: "kernel-1")))
        #expect(certificate.notAfter == now + 86_400)
        #expect(certified.notAfter == certificate.notAfter)
    }

    @Test func `a proof of another key, name or time is refused, and a challenge serves once`() async throws {
        let vault = try await opened(MemoryStore(clock: clock.read), Vault.makeKey())
        let key = try StaticKey()
        let other = try StaticKey()

        let first = try await vault.challengeWorker("kernel-1")
        let proof = try #require(key.provePossession(challenge: first.ephemeralKey, name: "kernel-1"))
        let stolen = CertificationRequest(challenge: first.id, staticKey: other.publicKey, proof: proof, features: 0)
        await #expect(throws: StoreFailure.notProven) { _ = try await vault.certifyWorker("kernel-1", stolen) }
        let right = CertificationRequest(challenge: first.id, staticKey: key.publicKey, proof: proof, features: 0)
        await #expect(throws: StoreFailure.notProven) { _ = try await vault.certifyWorker("kernel-1", right) }

        let second = try await vault.challengeWorker("kernel-2")
        await #expect(throws: StoreFailure.notProven) {
            let answer = try #require(key.provePossession(challenge: second.ephemeralKey, name: "kernel-2"))
            let request = CertificationRequest(
                challenge: second.id, staticKey: key.publicKey, proof: answer, features: 0)
            _ = try await vault.certifyWorker("kernel-1", request)
        }

        let third = try await vault.challengeWorker("kernel-1")
        let late = try #require(key.provePossession(challenge: third.ephemeralKey, name: "kernel-1"))
        clock.advance(by: CertificationChallenge.lifetime)
        await #expect(throws: StoreFailure.notProven) {
            let request = CertificationRequest(challenge: third.id, staticKey: key.publicKey, proof: late, features: 0)
            _ = try await vault.certifyWorker("kernel-1", request)
        }
    }

    @Test func `challenges that wait are bounded`() async throws {
        let vault = try await opened(MemoryStore(clock: clock.read), Vault.makeKey())
        let key = try StaticKey()
        let first = try await vault.challengeWorker("kernel-1")
        for _ in 0..<IdentityVault.challengesMax { _ = try await vault.challengeWorker("kernel-1") }
        let proof = try #require(key.provePossession(challenge: first.ephemeralKey, name: "kernel-1"))
        await #expect(throws: StoreFailure.notProven) {
            let request = CertificationRequest(challenge: first.id, staticKey: key.publicKey, proof: proof, features: 0)
            _ = try await vault.certifyWorker("kernel-1", request)
        }
    }

    @Test func `a record says where the node is and that it relays, in every suite`() async throws {
        let vault = try await opened(MemoryStore(clock: clock.read), Vault.makeKey())
        let endpoint = Endpoint(host: "example.org", port: 7700)
        var bytes = ByteBuffer(bytes: try await vault.issueRecord(endpoints: [endpoint], isRelay: true))
        let record = try #require(NodeRecord(from: &bytes))
        #expect(try record.verify(expecting: vault.node, at: UnixTime(seconds: clock.read() / 1000)) == vault.node)
        #expect(record.endpoints == [endpoint])
        #expect(record.relays)
        #expect(record.suites.count == 12)
    }
}

@Suite struct AnExport {
    private let clock = ManualStoreClock()
    private let peer = NodeUUID(UUIDBytes(high: 1, low: 2))

    private func source() async throws -> (MemoryStore, IdentityVault) {
        let store = MemoryStore(clock: clock.read)
        let key = try Vault.makeKey()
        _ = try await IdentityVault.initialise(in: store, key: key)
        try await store.set(NodeSettings.relayHops, to: 5, by: "o")
        let hash = [UInt8](repeating: 3, count: 32)
        for at in [100, 200] as [Int64] {
            try await store.notePeer(
                PeerSighting(
                    node: peer, bundleHash: hash, features: 1 << 63, isRelay: true, record: [5],
                    at: UnixTime(seconds: at)))
        }
        let endpoints = [Endpoint(host: "::1", port: 1)]
        _ = try await store.editPeer(peer, PeerEdit(endpoints: endpoints, access: .allowed, note: "é"))
        for number in 10..<1200 as Range<UInt64> {
            _ = try await store.editPeer(NodeUUID(UUIDBytes(high: number, low: 0)), PeerEdit(access: .denied))
        }
        return (store, try await IdentityVault(opening: store, key: key, clock: clock.read))
    }

    @Test func `brings identity, peers and settings to an empty store`() async throws {
        let (store, vault) = try await source()
        let hostKey = try Vault.makeKey()
        let export = try await NodeExport.sealed(of: vault, store, hostKey: hostKey)
        let target = MemoryStore(clock: clock.read)
        let vaultKey = try Vault.makeKey()
        for _ in 1...2 {  // a second time, as at the host's next start
            let node = try await NodeExport.restore(export, hostKey: hostKey, into: target, vaultKey: vaultKey)
            #expect(node == vault.node)
        }
        #expect(try await IdentityVault(opening: target, key: vaultKey, clock: clock.read).node == vault.node)
        #expect(try await target.values()[NodeSettings.relayHops] == 5)
        #expect(await target.peer(peer) == store.peer(peer))
        let last = NodeUUID(UUIDBytes(high: 1199, low: 0))
        #expect(await target.peer(last)?.access == .denied)
    }

    @Test func `is opened by its key only, whole only, and goes to no other node's store`() async throws {
        let (store, vault) = try await source()
        let hostKey = try Vault.makeKey()
        let export = try await NodeExport.sealed(of: vault, store, hostKey: hostKey)
        let vaultKey = try Vault.makeKey()
        let target = MemoryStore(clock: clock.read)
        let otherKey = try Vault.makeKey()
        await #expect(throws: StoreFailure.wrongVaultKey) {
            _ = try await NodeExport.restore(export, hostKey: otherKey, into: target, vaultKey: vaultKey)
        }
        for length in [0, 1, 3, 50, 100, export.count - 1] {
            await #expect(throws: StoreFailure.self) {
                _ = try await NodeExport.restore(
                    Array(export.prefix(length)), hostKey: hostKey, into: target, vaultKey: vaultKey)
            }
        }
        for index in stride(from: 0, to: export.count, by: export.count / 50) {
            var flipped = export
            flipped[index] ^= 1
            await #expect(throws: StoreFailure.self) {
                _ = try await NodeExport.restore(flipped, hostKey: hostKey, into: target, vaultKey: vaultKey)
            }
        }
        #expect(await target.vaultRow("identity") == nil)
        _ = try await IdentityVault.initialise(in: target, key: vaultKey)
        await #expect(throws: StoreFailure.conflict) {
            _ = try await NodeExport.restore(export, hostKey: hostKey, into: target, vaultKey: vaultKey)
        }
    }
}

func certify(
    _ key: StaticKey, _ postQuantumKey: PostQuantumKey? = nil, by certifier: any WorkerCertifier, as name: String
) async throws -> CertifiedWorker {
    let challenge = try await certifier.challengeWorker(name)
    let proof = try #require(key.provePossession(challenge: challenge.ephemeralKey, name: name))
    return try await certifier.certifyWorker(
        name,
        CertificationRequest(
            challenge: challenge.id, staticKey: key.publicKey, proof: proof,
            postQuantum: postQuantumKey.map { other in
                PostQuantumProof(
                    key: other.publicKey,
                    proof: other.provePossession(
                        challenge: challenge.ephemeralKey, staticKey: key.publicKey, name: name))
            }, features: 0))
}

@Suite struct TheDatabaseFile {
    @Test func `a closed database is one whole file and not ready any more`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "database-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (file, key) = (folder.appending(path: "node.sqlite").path, folder.appending(path: "vault.key").path)
        _ = try await NodeDatabase.initialise(path: file, vaultKeyFile: key)
        let database = try await NodeDatabase.open(path: file, vaultKeyFile: key)
        #expect(await database.unreadiness() == nil)
        // As at the end of a service: by a task that is cancelled, and once more.
        await Task {
            withUnsafeCurrentTask { $0?.cancel() }
            await database.close()
            await database.close()
        }.value
        let copy = folder.appending(path: "copy.sqlite").path
        try FileManager.default.copyItem(atPath: file, toPath: copy)
        #expect(try await NodeDatabase.inspect(path: copy, vaultKeyFile: key) == database.vault.node)
        #expect(await database.unreadiness()?.contains("can't be queried") == true)
    }
}
