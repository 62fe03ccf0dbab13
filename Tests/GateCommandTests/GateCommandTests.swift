import Foundation
import GateModel
import GateSettings
import GateStore
import NIOCore
import NIOPosix
import Testing

@testable import GateCommand

@Suite(.timeLimit(.minutes(1))) struct CommandTests {
    /// A folder of a test, removed afterwards.
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "command-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private func kernels(of settings: LocalSettings) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(settings.directory)/credentials")
            .filter { $0.hasPrefix("kernel-") }.sorted()
    }

    @Test func `a new folder has a credential for each configured worker, and one more worker gets its own`()
        async throws
    {
        try await withFolder { folder in
            var settings = LocalSettings(directory: folder)
            settings.node.workers = 2
            _ = try await NodeFolder.create(settings)
            #expect(try kernels(of: settings) == ["kernel-1", "kernel-2"])
            settings.node.workers = 3
            try NodeFolder.addKernelCredentials(settings)
            #expect(try kernels(of: settings) == ["kernel-1", "kernel-2", "kernel-3"])
            settings.node.workers = 4
            try FileManager.default.removeItem(atPath: settings.authorityDirectory)
            let failure = #expect(throws: CommandFailure.self) { try NodeFolder.addKernelCredentials(settings) }
            #expect(failure.map { "\($0)" }?.contains("no credential of kernel-4") == true)
        }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `a command without a database service says at once that nobody listens`(host: String) async throws {
        try await withFolder { folder in
            var settings = LocalSettings(directory: folder)
            settings.database.link = Endpoint(host: host, port: try await closedPort(host))
            _ = try await NodeFolder.create(settings)
            let began = ContinuousClock.now
            let failure = await #expect(throws: CommandFailure.self) {
                _ = try await OperatorLink.with(settings) { store in try await store.settings() }
            }
            #expect(ContinuousClock.now - began < OperatorLink.patience / 2)
            let words = failure.map { "\($0)" } ?? ""
            #expect(words.contains("\(settings.database.link): nobody listens there"))
            #expect(words.contains("The node does not run"))
        }
    }

    private func closedPort(_ host: String) async throws -> UInt16 {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: host, port: 0).get()
        let port = UInt16(channel.localAddress?.port ?? 0)
        try await channel.close()
        return port
    }

    @Test func `the attached extenders of every worker are listed`() throws {
        let status = #"{"extenders":[{"extender":"e","name":"socks5-1","replica":"7"}],"worker":"kernel-1"}"#
        let members = try #require(try JSONSerialization.jsonObject(with: Data(status.utf8)) as? [String: Any])
        let listing = KernelReport.listing(
            "extenders", of: [KernelReport(worker: "kernel-1", members: members)], empty: "none")
        #expect(listing.rows == [["extender": "e", "name": "socks5-1", "replica": "7", "worker": "kernel-1"]])
        #expect(listing.table().hasSuffix("e         socks5-1  7        kernel-1"))
    }

    @Test(arguments: [
        ("203.0.113.0/24", "203.0.113.0", 24), ("203.0.113.7", "203.0.113.7", 32), ("2001:db8::/32", "2001:db8::", 32),
        ("::1", "::1", 128), ("0.0.0.0/0", "0.0.0.0", 0),
    ])
    func `a block of addresses is read`(text: String, prefix: String, length: Int) throws {
        let block = try #require(AddressBlock(argument: text))
        #expect(block.prefix == IPAddress(text: prefix))
        #expect(block.length == length)
    }

    @Test(arguments: ["", "203.0.113.1/24", "203.0.113.0/33", "203.0.113.0/", "2001:db8::/129", "host", "1.2.3.4/-1"])
    func `what is no block is refused`(text: String) {
        #expect(AddressBlock(argument: text) == nil)
    }

    @Test func `bans are listed with their ends, without one as long as nobody lifts them`() throws {
        let node = AccessSubject.node(NodeUUID(UUIDBytes(high: 1, low: 1)))
        let block = try #require(AccessSubject(argument: "203.0.113.0/24"))
        let listing = BanListing.listing(of: [
            BanRow(
                subject: block, since: UnixTime(seconds: 0), until: UnixTime(seconds: 60), reason: "floods",
                author: "operator", isEarned: false),
            BanRow(
                subject: node, since: UnixTime(seconds: 0), until: nil, reason: "", author: "operator", isEarned: false),
        ])
        #expect(listing.rows.map(\.until) == ["1970-01-01T00:01:00Z", nil])
        #expect(listing.table().contains("203.0.113.0/24"))
        #expect(listing.table().contains("lifted"))
    }

    @Test(arguments: ["2h", "90s", "500ms"])
    func `a ban's length is read as settings are`(text: String) {
        #expect(BanLength(argument: text)?.duration == Duration.read(text))
    }

    @Test(arguments: ["", "2", "2 h", "-1s", "soon"])
    func `what is no length is refused`(text: String) {
        #expect(BanLength(argument: text) == nil)
    }

    @Test func `peers are listed with their reputation, the best where nothing is known`() {
        let rows = (1...2).map { PeerRow(node: NodeUUID(UUIDBytes(high: $0, low: 1))) }
        let listing = PeerListing.listing(of: rows, [.node(rows[0].node): -100])
        #expect(listing.rows.map(\.reputation) == [-100, 100])
    }
}
