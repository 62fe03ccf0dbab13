import Foundation
import GateCrypto
import GateDatabase
import GateModel
import GateSQLite
import GateStore
import GateTestKit
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)))
struct TheBackup {
    @Test func `of a file restores into an empty one with everything in it`() async throws {
        try await withNode { node in
            let written = try await NodeDatabase.backup(node.place, to: node.backup)
            let other = DatabasePlace.file(node.path("other.sqlite"))
            let restored = try await NodeDatabase.restore(
                node.backup, into: other, vaultKeyFile: node.key, replacing: false)
            #expect(restored.node == node.uuid)
            #expect(restored.summary == written)
            #expect(written.rowCount > 20)
            let store = try await other.open()
            try await node.expectEverything(in: store)
            // What was registered before is older than whatever registers now.
            let worker = try await store.registerWorker(worker, lease: .seconds(30))
            #expect(worker.epoch > node.epoch && worker.epoch.generation == node.epoch.generation + 1)
            await store.close()
            let mode = try FileManager.default.attributesOfItem(atPath: node.backup)[.posixPermissions] as? Int
            #expect(mode == 0o600)
        }
    }

    @Test(.needsPostgreSQL)
    func `moves to PostgreSQL and back, and the content stays the same`() async throws {
        try await withNode { node in
            let cluster = try PostgresCluster.shared()
            let server = try DatabasePlace(text: cluster.url(cluster.makeDatabase()))
            let there = try await NodeDatabase.move(
                node.place, to: server, vaultKeyFile: node.key, by: node.path("there"))
            let store = try await server.open()
            try await node.expectEverything(in: store)
            let worker = try await store.registerWorker(worker, lease: .seconds(30))
            #expect(worker.epoch > node.epoch)
            try await store.removeWorker("kernel-1", epoch: worker.epoch)
            await store.close()
            #expect(try await NodeDatabase.inspect(server, vaultKeyFile: node.key) == node.uuid)

            let other = DatabasePlace.file(node.path("back.sqlite"))
            let back = try await NodeDatabase.move(server, to: other, vaultKeyFile: node.key, by: node.path("back"))
            #expect(back == there)
            let again = try await other.open()
            try await node.expectEverything(in: again)
            await again.close()
        }
    }

    @Test(.needsPostgreSQL)
    func `an identity is made in PostgreSQL once`() async throws {
        try await withNode { node in
            let cluster = try PostgresCluster.shared()
            let server = try DatabasePlace(text: cluster.url(cluster.makeDatabase()))
            let made = try await NodeDatabase.initialise(server, vaultKeyFile: node.path("new.key"))
            let database = try await NodeDatabase.open(server, vaultKeyFile: node.path("new.key"))
            #expect(database.vault.node == made)
            #expect(await database.unreadiness() == nil)
            await database.close()
            await #expect(throws: NodeDatabaseFailure.store(.conflict, path: "\(server)")) {
                _ = try await NodeDatabase.initialise(server, vaultKeyFile: node.path("second.key"))
            }
            await #expect(throws: NodeDatabaseFailure.store(.conflict, path: "\(server)")) {
                _ = try await NodeDatabase.move(
                    node.place, to: server, vaultKeyFile: node.key, by: node.path("move"))
            }
        }
    }

    @Test(arguments: [false, true])
    func `that is damaged or cut anywhere is refused and changes nothing`(isServer: Bool) async throws {
        guard !isServer || PostgresCluster.isExpected else { return }
        try await withNode { node in
            _ = try await NodeDatabase.backup(node.place, to: node.backup)
            let bytes = try Data(contentsOf: URL(filePath: node.backup))
            let other =
                isServer
                ? try DatabasePlace(text: PostgresCluster.shared().url(PostgresCluster.shared().makeDatabase()))
                : .file(node.path("other.sqlite"))
            let store = try await other.open()
            let places = [0, 8, 9, 17, 18, bytes.count / 2, bytes.count - 41, bytes.count - 33, bytes.count - 1]
            for place in places {
                var changed = bytes
                changed[place] ^= 1
                for broken in [changed, bytes.prefix(place)] {
                    try broken.write(to: URL(filePath: node.path("broken")))
                    guard place != 9 || broken.count == bytes.count else { continue }
                    await #expect(throws: StoreFailure.self, "\(place)") {
                        _ = try await NodeArchive.restore(node.path("broken"), into: store, replacing: false)
                    }
                }
            }
            try (bytes + [0]).write(to: URL(filePath: node.path("broken")))
            await #expect(throws: StoreFailure.self) {
                _ = try await NodeArchive.restore(node.path("broken"), into: store, replacing: false)
            }
            let summary = try await NodeArchive.summary(of: store)
            #expect(summary.rowCount == 0)
            await store.close()
        }
    }

    @Test func `replaces only the same node's database, and none unasked`() async throws {
        try await withNode { node in
            _ = try await NodeDatabase.backup(node.place, to: node.backup)
            let conflict = NodeDatabaseFailure.store(.conflict, path: "\(node.place)")
            await #expect(throws: conflict) {
                _ = try await NodeDatabase.restore(
                    node.backup, into: node.place, vaultKeyFile: node.key, replacing: false)
            }
            let store = try await node.place.open()
            _ = try await store.set("relay.hops", to: "7", by: "later", expecting: nil)
            await store.close()
            _ = try await NodeDatabase.restore(node.backup, into: node.place, vaultKeyFile: node.key, replacing: true)
            let restored = try await node.place.open()
            try await node.expectEverything(in: restored)
            await restored.close()
            let stranger = DatabasePlace.file(node.path("stranger.sqlite"))
            _ = try await NodeDatabase.initialise(stranger, vaultKeyFile: node.path("stranger.key"))
            await #expect(throws: NodeDatabaseFailure.store(.wrongVaultKey, path: node.backup)) {
                _ = try await NodeDatabase.restore(
                    node.backup, into: stranger, vaultKeyFile: node.path("stranger.key"), replacing: true)
            }
        }
    }
}

private let worker = WorkerRegistration(name: "kernel-1", linkAddress: "127.0.0.1:1", adminAddress: "")

/// A node's database with a row of every kind.
private struct Node: Sendable {
    let folder: URL
    let uuid: NodeUUID
    let epoch: WorkerEpoch

    func path(_ name: String) -> String { folder.appending(path: name).path }
    var key: String { path("vault.key") }
    var backup: String { path("backup") }
    var place: DatabasePlace { .file(path("node.sqlite")) }

    static let peer = NodeUUID(UUIDBytes(high: .max, low: 5))
    static let banned = AccessSubject.node(NodeUUID(UUIDBytes(high: 9, low: 9)))

    init(in folder: URL) async throws {
        self.folder = folder
        let place = DatabasePlace.file(folder.appending(path: "node.sqlite").path)
        uuid = try await NodeDatabase.initialise(place, vaultKeyFile: folder.appending(path: "vault.key").path)
        let store = try await place.open()
        for hops in ["3", "4", nil, "5"] { _ = try await store.set("relay.hops", to: hops, by: "a", expecting: nil) }
        let edit = PeerEdit(
            endpoints: [Endpoint(host: "::1", port: 1), Endpoint(host: "example.org", port: 2)], access: .denied,
            isRelay: true, note: "é", record: [1, 2, 3])
        _ = try await store.editPeer(Node.peer, edit)
        _ = try await store.notePeers([
            PeerSighting(
                node: Node.peer, bundleHash: [UInt8](repeating: 7, count: 32), features: .max, isRelay: true,
                record: [], at: UnixTime(seconds: 5))
        ])
        for number in 1...10 as ClosedRange<UInt64> {
            _ = try await store.editPeer(NodeUUID(UUIDBytes(high: number << 60, low: 1)), PeerEdit())
        }
        if let rule = AddressRule(prefix: .v4(0x0a00_0000), length: 8, isAllowed: false) {
            try await store.setAddressRule(rule)
        }
        try await store.setRights(
            RightsRow(name: "socks5-1", extenders: [ShippedExtender.socks5], settingPrefixes: ["socks5."]))
        for number in 0...40 as ClosedRange<UInt8> {
            _ = try await store.put([number], [UInt8](repeating: number, count: 1000), of: ShippedExtender.socks5)
        }
        try await store.setQuota(bytes: 1_000_000, keys: 77, of: ShippedExtender.socks5)
        try await store.noteCharges([ReputationCharge(subject: Node.banned, points: 30)])
        _ = try await store.setBan(BanOrder(subject: Node.banned, reason: "tests"), by: "operator")
        let row = try await store.registerWorker(worker, lease: .seconds(30))
        epoch = row.epoch
        try await store.removeWorker(worker.name, epoch: row.epoch)
        await store.close()
    }

    func expectEverything(in store: any OpenedStore) async throws {
        let history = try await store.history(of: "relay.hops")
        #expect(history.map(\.value) == ["5", nil, "4", "3"])
        let peer = try await store.peer(Node.peer)
        #expect(peer?.note == "é" && peer?.features == .max && peer?.endpoints.count == 2 && peer?.access == .denied)
        #expect(peer?.firstSeen?.seconds == 5 && peer?.record == [1, 2, 3])
        #expect(try await store.peers(PeerFilter(), after: nil, limit: 100).count == 11)
        #expect(try await store.addressRules().count == 1)
        #expect(try await store.rights(of: "socks5-1")?.settingPrefixes == ["socks5."])
        let usage = try await store.usage(of: ShippedExtender.socks5)
        #expect(usage == DataUsage(bytes: 41 * 1001, keys: 41, bytesMaximum: 1_000_000, keysMaximum: 77))
        let version = try await store.entry([40], of: ShippedExtender.socks5)?.version
        #expect(try await store.entry([40], of: ShippedExtender.socks5)?.value.count == 1000)
        #expect(try await store.ban(of: Node.banned)?.reason == "tests")
        #expect(try await store.reputations(of: [Node.banned]).count == 1)
        #expect(try await store.workers().isEmpty)
        #expect(version == 41)
    }
}

private func withNode(_ body: (Node) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "backup-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(Node(in: folder))
}

extension Trait where Self == ConditionTrait {
    /// Skips where PostgreSQL is missing, and says what brings it; with `CI=true` the test fails instead.
    static var needsPostgreSQL: Self {
        .enabled(if: PostgresCluster.isExpected, "sudo apt-get install -y postgresql")
    }
}
