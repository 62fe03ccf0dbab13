import GateLink
@testable import GateLinkTransport
import GateModel
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

private let attach = LinkAttach(extender: socks5, name: "socks5", replica: 7)

@Suite(.timeLimit(.minutes(1))) struct Refusals {
    private let authority: LinkAuthority

    init() throws { authority = try LinkAuthority.create(node: ownNode) }

    @Test func `an expired credential is refused by the server, with the reason in its log`() async throws {
        let past = UnixTime(seconds: UnixTime.now().seconds - 7200)
        let credential = try issue(
            .extender(socks5), "late-1", by: authority, lifetime: .seconds(3600), now: past)
        try await expectRefusal(of: credential, "expired")
    }

    @Test func `a credential of another authority is refused by the server, with the reason in its log`() async throws {
        let foreign = try LinkAuthority.create(node: ownNode)
        let mixed = try mix(leafOf: foreign, trusting: authority)
        try await expectRefusal(of: mixed, "not signed by this node's link authority")
    }

    @Test func `a credential that names another node is refused, with the reason in the log`() async throws {
        let other = NodeUUID(UUIDBytes(high: 9, low: 9))
        let issued = try authority.issue(
            uris: ["spiffe://\(other)/extender/\(socks5)/socks5-1"], lifetime: .seconds(3600), now: .now())
        try await expectRefusal(of: LinkCredentialSource(LinkCredential(issued)), "otherNode")
    }

    @Test func `a role that is not served is refused, with the reason in its log`() async throws {
        let reason = "wrongRole: the certificate of spiffe://\(ownNode)/kernel/kernel-2 is for role kernel"
        try await expectRefusal(of: issue(.kernel, "kernel-2", by: authority), reason)
    }

    @Test func `asking for another extender's UUID is refused, with the reason in the server's log`() async throws {
        let stranger = ExtenderID(UUIDBytes(high: 1, low: 1))
        let credential = try issue(.extender(stranger), "stranger-1", by: authority)
        try await expectRefusal(of: credential, "otherExtender")
    }

    @Test func `no credential is refused by the server, with the reason in its log`() async throws {
        let log = LogBook()
        try await withServer(authority, events: EventBook(), log: log) { server in
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateVerification = .none
            let context = try NIOSSLContext(configuration: configuration)
            let channel = try await ClientBootstrap(group: loops)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let tls = try NIOSSLClientHandler(context: context, serverHostname: nil)
                        try channel.pipeline.syncOperations.addHandler(tls)
                    }
                }
                .connect(host: server.endpoint.host, port: Int(server.endpoint.port)).get()
            #expect(await log.line(with: "link refused").contains("no certificate was shown"))
            try await channel.closeFuture.get()
        }
    }

    @Test func `a server in another role than dialled is not believed by the client`() async throws {
        let log = LogBook()
        try await withServer(authority, events: EventBook()) { server in
            let keeper = keeper(
                server.endpoint, try issue(.extender(socks5), "socks5-1", by: authority), events: EventBook(),
                log: log, expects: .database)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                #expect(await log.line(with: "link refused").contains("wrongRole"))
                group.cancelAll()
            }
        }
    }

    @Test(arguments: [0, 1, 16, 4096, 2_000_000])
    func `garbage at the port is closed and others are served`(count: Int) async throws {
        let events = EventBook()
        try await withServer(authority, events: events) { server in
            let garbage = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ 22) })
            let channel = try await ClientBootstrap(group: loops)
                .connect(host: server.endpoint.host, port: Int(server.endpoint.port)).get()
            try? await channel.writeAndFlush(garbage)
            if count < 16 { try? await channel.close() }
            try await channel.closeFuture.get()
            let keeper = keeper(
                server.endpoint, try issue(.extender(socks5), "socks5-1", by: authority), events: EventBook())
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                #expect(await events.opened() != nil)
                group.cancelAll()
            }
        }
    }

    @Test func `a side that stops answering is left`() async throws {
        let log = LogBook()
        var settings = LinkSettings()
        settings.pingAfter = .milliseconds(40)
        settings.deadAfter = .milliseconds(80)
        try await withServer(authority, events: EventBook(), log: log, settings: settings) { server in
            let channel = try await dialRaw(server.endpoint)
            var hello = ByteBuffer()
            try LinkFrameEncoder.encode(
                .hello(LinkHello(versions: .current, program: "mute", requestsMax: 1)), into: &hello)
            try await channel.writeAndFlush(hello)
            #expect(await log.line(with: "link closed").contains("unresponsive"))
            try await channel.closeFuture.get()
        }
    }

    @Test func `garbage inside TLS is a protocol fault and closes`() async throws {
        let log = LogBook()
        try await withServer(authority, events: EventBook(), log: log) { server in
            let channel = try await dialRaw(server.endpoint)
            try? await channel.writeAndFlush(ByteBuffer(repeating: 0xff, count: 100_000))
            #expect(await log.line(with: "link refused").contains("protocol fault"))
            try await channel.closeFuture.get()
        }
    }

    /// TLS as an operator, and no link above it.
    private func dialRaw(_ endpoint: Endpoint) async throws -> any Channel {
        let context = try issue(.operator, "operator", by: authority).current().clientContext
        return try await ClientBootstrap(group: loops)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: context, serverHostname: nil)
                    try channel.pipeline.syncOperations.addHandler(tls)
                }
            }
            .connect(host: endpoint.host, port: Int(endpoint.port)).get()
    }

    private func expectRefusal(of credential: LinkCredentialSource, _ reason: String) async throws {
        let log = LogBook()
        try await withServer(authority, events: EventBook(), log: log) { server in
            let keeper = keeper(server.endpoint, credential, events: EventBook())
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await keeper.run() }
                let line = await log.line(with: "link refused")
                #expect(line.contains(reason))
                group.cancelAll()
            }
        }
    }

    /// A leaf of one authority that itself trusts another.
    private func mix(leafOf: LinkAuthority, trusting: LinkAuthority) throws -> LinkCredentialSource {
        let leaf = try leafOf.issue(role: .extender(socks5), name: "socks5-1")
        let trusted = try trusting.issue(role: .operator, name: "x").authority
        return LinkCredentialSource(
            try LinkCredential(IssuedCredential(certificate: leaf.certificate, key: leaf.key, authority: trusted)))
    }
}

@Suite struct CredentialFolders {
    private func withFolder(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/gate-credential-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { system("rm -rf \(folder)") }
        try body(folder)
    }

    @Test func `an authority and a credential survive their folders, keys readable by the owner only`() throws {
        try withFolder { folder in
            try LinkAuthority.create(node: ownNode).write(to: "\(folder)/authority")
            let authority = try LinkAuthority.load(from: "\(folder)/authority")
            #expect(authority.node == ownNode)
            try authority.issue(role: .kernel, name: "kernel-1").write(to: "\(folder)/kernel-1")
            let credential = try LinkCredential.load(from: "\(folder)/kernel-1")
            #expect(credential.name == LinkName(node: ownNode, role: .kernel, name: "kernel-1"))
            for path in ["authority/key.pem", "kernel-1/key.pem"] {
                var status = stat()
                #expect(stat("\(folder)/\(path)", &status) == 0)
                #expect(status.st_mode & 0o777 == 0o600)
            }
        }
    }

    @Test(arguments: ["authority/key.pem", "kernel-1/key.pem"])
    func `a key that others may read is refused`(path: String) throws {
        try withFolder { folder in
            let authority = try LinkAuthority.create(node: ownNode)
            try authority.write(to: "\(folder)/authority")
            try authority.issue(role: .kernel, name: "kernel-1").write(to: "\(folder)/kernel-1")
            chmod("\(folder)/\(path)", 0o640)
            #expect(throws: LinkCredentialFailure.notPrivate(path: "\(folder)/\(path)")) {
                _ = try LinkAuthority.load(from: "\(folder)/authority")
                _ = try LinkCredential.load(from: "\(folder)/kernel-1")
            }
        }
    }

    @Test func `a renewed folder is used without a restart, a broken one is not`() throws {
        try withFolder { folder in
            let authority = try LinkAuthority.create(node: ownNode)
            try authority.issue(role: .kernel, name: "one").write(to: "\(folder)/c")
            let source = try LinkCredentialSource(directory: "\(folder)/c")
            try authority.issue(role: .kernel, name: "two").write(to: "\(folder)/c")
            #expect(source.current().name.name == "two")
            try IssuedCredential(certificate: "no", key: "no", authority: "no").write(to: "\(folder)/c")
            #expect(source.current().name.name == "two")
            #expect(throws: LinkCredentialFailure.self) { try LinkCredential.load(from: "\(folder)/c") }
        }
    }

    @Test(arguments: ["", "a/b", "a b", String(repeating: "x", count: 64)])
    func `a bad name is not signed`(name: String) throws {
        let authority = try LinkAuthority.create(node: ownNode)
        #expect(throws: LinkCredentialFailure.badName(name)) { try authority.issue(role: .kernel, name: name) }
    }
}
