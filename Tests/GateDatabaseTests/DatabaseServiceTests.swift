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

@Suite struct TheDatabaseService {
    @Test func `serves a kernel over TLS, certification too`() async throws {
        try await withFolder { folder in
            try await withService(folder) { service, authority in
                try await withStore(service, authority, .kernel, "kernel-1") { store in
                    let key = try StaticKey()
                    let certified = try await certify(key, by: store, as: "kernel-1")
                    var bytes = ByteBuffer(bytes: certified.certificate)
                    let certificate = try #require(WorkerCertificate(from: &bytes))
                    #expect(certificate.staticKey == key.publicKey)
                    let registration = WorkerRegistration(name: "kernel-1", linkAddress: "a:1", adminAddress: "")
                    let row = try await store.registerWorker(registration, lease: .seconds(30))
                    #expect(row.id == certificate.worker)
                    await #expect(throws: StoreFailure.notPermitted) {
                        _ = try await store.set("relay.hops", to: "1", by: "", expecting: nil)
                    }
                }
            }
        }
    }

    @Test func `certifies a worker of an identity with ML-DSA over TLS, and again`() async throws {
        try await withFolder { folder in
            try await withService(folder, isPostQuantum: true) { service, authority in
                try await withStore(service, authority, .kernel, "kernel-1") { store in
                    var bytes = ByteBuffer(bytes: try await store.identityBundle())
                    let bundle = try #require(IdentityBundle(from: &bytes))
                    let (key, postQuantumKey) = (try StaticKey(), try PostQuantumKey())
                    for _ in 0..<2 {
                        let certified = try await certify(key, postQuantumKey, by: store, as: "kernel-1")
                        var bytes = ByteBuffer(bytes: certified.certificate)
                        let certificate = try #require(WorkerCertificate(from: &bytes))
                        let now = certificate.notBefore + 600
                        _ = try certificate.verify(
                            expecting: bundle.uuid, staticKey: key.publicKey, own: nil, at: now)
                        #expect(certificate.postQuantumKey == postQuantumKey.publicKey)
                    }
                    var record = ByteBuffer(bytes: try await store.issueRecord(endpoints: [], isRelay: true))
                    #expect(NodeRecord(from: &record)?.bundle == bundle && bundle.isPostQuantum)
                }
            }
        }
    }

    @Test func `tells a kernel what an operator changes`() async throws {
        try await withFolder { folder in
            try await withService(folder) { service, authority in
                try await withStore(service, authority, .kernel, "kernel-1") { kernel in
                    try await withStore(service, authority, .operator, "operator") { person in
                        var next = try await kernel.changes(of: [.peers]).makeAsyncIterator()
                        #expect(await next.next() == .resynchronise)
                        let peer = NodeUUID(UUIDBytes(high: 1, low: 1))
                        _ = try await person.editPeer(peer, PeerEdit(access: .denied))
                        #expect(await next.next() == .changed(.peers, key: peer.description))
                        #expect(try await kernel.peer(peer)?.access == .denied)
                    }
                }
            }
        }
    }

    @Test func `admits by role and rights`() async throws {
        let store = MemoryStore(clock: ManualStoreClock().read)
        let node = NodeUUID(UUIDBytes(high: 1, low: 1))
        let extender = try #require(LinkName(node: node, role: .extender(ShippedExtender.socks5), name: "socks5-1"))
        #expect(await admission(of: extender, by: store) == .granted(.none))
        try await store.setRights(.attaching(extender, settings: ["socks5."]))
        #expect(await admission(of: extender, by: store) == .granted(.attaching(as: ShippedExtender.socks5)))
        try await store.setRights(RightsRow(name: extender.rightsName, isRevoked: true))
        let refusal = LinkRefusal(code: .notPermitted, reason: "the name is revoked")
        #expect(await admission(of: extender, by: store) == .refused(refusal))
    }
}

@Suite struct TheNodeDatabase {
    @Test func `is made once and opens with its key file`() async throws {
        try await withFolder { folder in
            let node = try await NodeDatabase.initialise(path: folder.database, vaultKeyFile: folder.key)
            let database = try await NodeDatabase.open(path: folder.database, vaultKeyFile: folder.key)
            #expect(database.vault.node == node)
            await database.close()
            await #expect(throws: NodeDatabaseFailure.vaultKey(.exists(path: folder.key))) {
                _ = try await NodeDatabase.initialise(path: folder.database, vaultKeyFile: folder.key)
            }
            let key = try VaultKeyFile.load(from: folder.key)
            await #expect(throws: NodeDatabaseFailure.store(.conflict, path: folder.database)) {
                _ = try await NodeDatabase.initialise(path: folder.database, vaultKey: key)
            }
        }
    }

    @Test func `with another node's key says that both must come from the same backup`() async throws {
        try await withFolder { folder in
            _ = try await NodeDatabase.initialise(path: folder.database, vaultKeyFile: folder.key)
            let other = folder.key + ".other"
            _ = try VaultKeyFile.create(at: other)
            let failure = await #expect(throws: NodeDatabaseFailure.self) {
                _ = try await NodeDatabase.open(path: folder.database, vaultKeyFile: other)
            }
            #expect(failure?.description.contains("same backup") == true)
        }
    }

    @Test func `a key file that is missing, open to others or no key is refused with what to do`() async throws {
        try await withFolder { folder in
            #expect(throws: VaultKeyFileFailure.noAccess(path: folder.key)) {
                _ = try VaultKeyFile.load(from: folder.key)
            }
            for text in ["", "00", String(repeating: "0", count: 63) + "g", String(repeating: "0", count: 66)] {
                #expect(
                    FileManager.default.createFile(
                        atPath: folder.key, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600]))
                #expect(throws: VaultKeyFileFailure.malformed(path: folder.key)) {
                    _ = try VaultKeyFile.load(from: folder.key)
                }
            }
            let digits = String(repeating: "0f", count: 32) + "\r\n"
            #expect(
                FileManager.default.createFile(
                    atPath: folder.key, contents: Data(digits.utf8), attributes: [.posixPermissions: 0o600]))
            let key = try VaultKeyFile.load(from: folder.key)
            #expect(key.withUnsafeBytes { Array($0) } == [UInt8](repeating: 0x0f, count: 32))
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: folder.key)
            #expect(throws: VaultKeyFileFailure.notPrivate(path: folder.key)) {
                _ = try VaultKeyFile.load(from: folder.key)
            }
        }
    }
}

struct Folder {
    let url: URL
    var database: String { url.appending(path: "node.sqlite").path }
    var key: String { url.appending(path: "vault.key").path }
}

func withFolder(_ body: (Folder) async throws -> Void) async throws {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    try await body(Folder(url: url))
}

func withService(
    _ folder: Folder, isPostQuantum: Bool = false, _ body: (DatabaseService, LinkAuthority) async throws -> Void
) async throws {
    let node = try await NodeDatabase.initialise(
        .file(folder.database), vaultKeyFile: folder.key, isPostQuantum: isPostQuantum)
    let database = try await NodeDatabase.open(path: folder.database, vaultKeyFile: folder.key)
    let authority = try LinkAuthority.create(node: node)
    let service = try await DatabaseService.bind(
        database, to: Endpoint(host: "127.0.0.1", port: 0), credential: credential(authority, .database, "database-1"),
        group: MultiThreadedEventLoopGroup.singleton, logger: Logger(label: "test"))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try? await service.run() }
        try await body(service, authority)
        group.cancelAll()
    }
}

func withStore(
    _ service: DatabaseService, _ authority: LinkAuthority, _ role: LinkRole, _ name: String,
    _ body: (LinkStore) async throws -> Void
) async throws {
    let keeper = LinkKeeper(
        target: .network(service.endpoint, credential: try credential(authority, role, name)), expects: .database,
        eventLoop: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await keeper.run() }
        #expect(await keeper.requester.connected())
        try await body(LinkStore(keeper.requester))
        group.cancelAll()
    }
}

func credential(
    _ authority: LinkAuthority, _ role: LinkRole, _ name: String
) throws -> LinkCredentialSource {
    return LinkCredentialSource(try LinkCredential(try authority.issue(role: role, name: name)))
}
