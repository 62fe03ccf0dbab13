import Foundation
import GateCrypto
import GateDatabase
import GateModel
import GateStore
import GateTestKit
import NIOCore
import Testing

/// The vault of an identity with an ML-DSA key, and where it is kept.
@Suite(.serialized, .timeLimit(.minutes(2))) struct ThePostQuantumVault {
    private let clock = ManualStoreClock()

    private func vault(isPostQuantum: Bool) async throws -> IdentityVault {
        let store = MemoryStore(clock: clock.read)
        let key = try Vault.makeKey()
        _ = try await IdentityVault.initialise(in: store, key: key, isPostQuantum: isPostQuantum)
        return try await IdentityVault(opening: store, key: key, clock: clock.read)
    }

    @Test func `a worker proves both keys and gets a certificate that both keys of the identity signed`() async throws {
        let vault = try await vault(isPostQuantum: true)
        let (key, postQuantumKey) = (try StaticKey(), try PostQuantumKey())
        let certified = try await certify(key, postQuantumKey, by: vault, as: "kernel-1")
        var bytes = ByteBuffer(bytes: certified.certificate)
        let certificate = try #require(WorkerCertificate(from: &bytes))
        let now = UnixTime(seconds: clock.read() / 1000)
        let node = try certificate.verify(expecting: vault.node, staticKey: key.publicKey, own: nil, at: now)
        #expect(node == vault.node && certificate.bundle == vault.bundle && vault.bundle.isPostQuantum)
        #expect(certificate.postQuantumKey == postQuantumKey.publicKey)
    }

    @Test func `a worker has an ML-DSA key where the identity has one, and only there`() async throws {
        let (with, without) = (try await vault(isPostQuantum: true), try await vault(isPostQuantum: false))
        await #expect(throws: StoreFailure.notProven) {
            _ = try await certify(StaticKey(), by: with, as: "kernel-1")
        }
        await #expect(throws: StoreFailure.notProven) {
            _ = try await certify(StaticKey(), PostQuantumKey(), by: without, as: "kernel-1")
        }
    }

    @Test func `an ML-DSA key that is not proven is refused`() async throws {
        let vault = try await vault(isPostQuantum: true)
        let (key, own, other) = (try StaticKey(), try PostQuantumKey(), try PostQuantumKey())
        for what in ["another key", "another name", "another static key", "an old challenge", "no proof", "no key"] {
            let old = try await vault.challengeWorker("kernel-1")
            let challenge = try await vault.challengeWorker("kernel-1")
            let proof = try #require(key.provePossession(challenge: challenge.ephemeralKey, name: "kernel-1"))
            let signature = own.provePossession(
                challenge: (what == "an old challenge" ? old : challenge).ephemeralKey,
                staticKey: what == "another static key" ? try StaticKey().publicKey : key.publicKey,
                name: what == "another name" ? "kernel-2" : "kernel-1")
            let postQuantum = PostQuantumProof(
                key: what == "no key" ? [] : what == "another key" ? other.publicKey : own.publicKey,
                proof: what == "no proof" ? [] : signature)
            await #expect(throws: StoreFailure.notProven, "\(what)") {
                _ = try await vault.certifyWorker(
                    "kernel-1",
                    CertificationRequest(
                        challenge: challenge.id, staticKey: key.publicKey, proof: proof, postQuantum: postQuantum,
                        features: 0))
            }
        }
    }

    @Test func `an export brings both keys along`() async throws {
        let (store, hostKey, vaultKey) = (
            MemoryStore(clock: clock.read), try Vault.makeKey(), try Vault.makeKey()
        )
        let source = try await vault(isPostQuantum: true)
        let export = try await NodeExport.sealed(of: source, store, hostKey: hostKey)
        for _ in 1...2 {
            #expect(
                try await NodeExport.restore(export, hostKey: hostKey, into: store, vaultKey: vaultKey) == source.node)
        }
        let restored = try await IdentityVault(opening: store, key: vaultKey, clock: clock.read)
        #expect(restored.bundle == source.bundle)
        _ = try await certify(StaticKey(), PostQuantumKey(), by: restored, as: "kernel-1")
    }

    @Test func `a backup of a file brings both keys into another`() async throws {
        try await withFolder { folder in
            let place = DatabasePlace.file(folder.database)
            let other = DatabasePlace.file(folder.url.appending(path: "other.sqlite").path)
            try await expectBackup(of: place, into: other, folder)
        }
    }

    @Test(.needsPostgreSQL) func `a backup brings both keys from a file to PostgreSQL, and back`() async throws {
        try await withFolder { folder in
            let cluster = try PostgresCluster.shared()
            let server = try DatabasePlace(text: cluster.url(cluster.makeDatabase()))
            try await expectBackup(of: .file(folder.database), into: server, folder)
        }
        try await withFolder { folder in
            let cluster = try PostgresCluster.shared()
            let server = try DatabasePlace(text: cluster.url(cluster.makeDatabase()))
            try await expectBackup(of: server, into: .file(folder.database), folder)
        }
    }

    private func expectBackup(of place: DatabasePlace, into other: DatabasePlace, _ folder: Folder) async throws {
        let node = try await NodeDatabase.initialise(place, vaultKeyFile: folder.key, isPostQuantum: true)
        let backup = folder.url.appending(path: "backup").path
        _ = try await NodeDatabase.backup(place, to: backup)
        let restored = try await NodeDatabase.restore(
            backup, into: other, vaultKeyFile: folder.key, replacing: false)
        #expect(restored.node == node)
        let (first, second) = (
            try await NodeDatabase.open(place, vaultKeyFile: folder.key),
            try await NodeDatabase.open(other, vaultKeyFile: folder.key)
        )
        #expect(first.vault.bundle == second.vault.bundle && second.vault.bundle.isPostQuantum)
        _ = try await certify(StaticKey(), PostQuantumKey(), by: second.vault, as: "kernel-1")
        await first.close()
        await second.close()
    }
}
