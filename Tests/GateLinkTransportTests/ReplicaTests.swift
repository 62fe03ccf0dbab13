import GateLink
import GateLinkTransport
import GateModel
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct Replicas {
    private let authority: LinkAuthority

    init() throws { authority = try LinkAuthority.create(node: ownNode) }

    private func keeper(
        _ endpoints: [Endpoint], settings: LinkSettings = .database,
        missed: @escaping @Sendable (String) -> Void = { _ in }
    ) throws -> LinkKeeper {
        LinkKeeper(
            target: .replicas(endpoints, credential: try issue(.kernel, "kernel-1", by: authority)),
            expects: .database, eventLoop: loops.next(), settings: settings, missed: missed,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// A replica that says which it is; stops when its stream is finished.
    private func replica(_ name: String) async throws -> LinkServer {
        try await LinkServer.bind(
            to: Endpoint(host: "127.0.0.1", port: 0), credential: issue(.database, name, by: authority),
            service: LinkService(
                accepts: [.kernel], worker: name, admit: { _ in .granted(.none) },
                responder: NamingResponder(name: name)),
            group: loops, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    private func name(_ requester: LinkRequester) async throws -> String {
        String(buffer: try await requester.request("name", ByteBuffer(), deadline: .seconds(5)))
    }

    @Test func `when one goes, another answers within a second`() async throws {
        let servers = [try await replica("one"), try await replica("two")]
        let keeper = try keeper(servers.map(\.endpoint))
        try await withThrowingTaskGroup(of: Void.self) { group in
            let tasks = servers.map { server in Task { try? await server.run() } }
            group.addTask { await keeper.run() }
            #expect(await keeper.requester.connected())
            let first = try await name(keeper.requester)
            let lost = first == "one" ? 0 : 1
            let start = ContinuousClock.now
            tasks[lost].cancel()
            var second = first
            while second == first {
                second = (try? await name(keeper.requester)) ?? first
                if second == first { await Task.yield() }
            }
            #expect(ContinuousClock.now - start < .seconds(1))
            tasks[1 - lost].cancel()
            group.cancelAll()
        }
    }

    @Test func `requests under way when one goes fail at once`() async throws {
        let server = try await replica("one")
        let keeper = try keeper([server.endpoint])
        await withTaskGroup(of: Void.self) { group in
            let task = Task { try? await server.run() }
            group.addTask { await keeper.run() }
            #expect(await keeper.requester.connected())
            let reply = Task { try await keeper.requester.request("never", ByteBuffer()) }
            _ = try? await name(keeper.requester)
            task.cancel()
            await #expect(throws: LinkRequestFailure.disconnected) { _ = try await reply.value }
            group.cancelAll()
        }
    }

    @Test func `one that takes connections and says nothing is passed over`() async throws {
        let silent = try await ServerBootstrap(group: loops).bind(host: "127.0.0.1", port: 0).get()
        let server = try await replica("one")
        let port = try #require(silent.localAddress?.port)
        let endpoints = [Endpoint(host: "127.0.0.1", port: UInt16(port)), server.endpoint]
        let keepers = try (0..<4).map { _ in try keeper(endpoints) }
        let start = ContinuousClock.now
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            for keeper in keepers { group.addTask { await keeper.run() } }
            for keeper in keepers { #expect(await keeper.requester.connected()) }
            group.cancelAll()
        }
        #expect(ContinuousClock.now - start < .seconds(3))
        try await silent.close()
    }

    @Test func `every address of a name is tried`() async throws {
        let server = try await replica("one")
        let keeper = try keeper([Endpoint(host: "localhost", port: server.endpoint.port)])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            group.addTask { await keeper.run() }
            #expect(await keeper.requester.connected())
            group.cancelAll()
        }
    }

    @Test func `why no place gave a link is said for each, once a round`() async throws {
        let closed = try await ServerBootstrap(group: loops).bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(closed.localAddress?.port)
        try await closed.close()
        let (reasons, told) = AsyncStream.makeStream(of: String.self)
        let keeper = try keeper(
            [Endpoint(host: "127.0.0.1", port: UInt16(port)), Endpoint(host: "no-such-host.invalid", port: 1)],
            missed: { told.yield($0) })
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await keeper.run() }
            var seen = reasons.makeAsyncIterator()
            let reason = await seen.next() ?? ""
            #expect(reason.contains("no-such-host.invalid:1: the name has no address"))
            #expect(reason.contains("127.0.0.1:\(port): nobody listens there"))
            group.cancelAll()
        }
    }

    @Test func `whoever is told to leave and stays is disconnected`() async throws {
        let server = try await replica("one")
        let relay = try await SilencedRelay.bind(to: server.endpoint)
        // With a patience that outlasts the test: it is not the near side that leaves.
        let keeper = try keeper([relay.endpoint], settings: LinkSettings())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            group.addTask { await keeper.run() }
            #expect(await keeper.requester.connected())
            // From here on the relay answers nothing and closes nothing.
            relay.silence()
            let start = ContinuousClock.now
            guard let name = LinkName(node: ownNode, role: .kernel, name: "kernel-1") else { return }
            server.close(name: name, LinkGoAway(code: .revoked, reason: "rights changed"))
            await relay.left()
            // TLS waits some seconds for the other side's word.
            #expect(ContinuousClock.now - start < .seconds(20))
            group.cancelAll()
        }
        try await relay.close()
    }

    @Test func `one that stops answering is left after a few seconds`() async throws {
        // A relay in front of the replica that goes silent stands for a stopped process.
        let server = try await replica("one")
        let relay = try await SilencedRelay.bind(to: server.endpoint)
        var settings = LinkSettings.database
        settings.pingAfter = .milliseconds(200)
        settings.deadAfter = .milliseconds(800)
        let keeper = try keeper([relay.endpoint], settings: settings)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await server.run() }
            group.addTask { await keeper.run() }
            #expect(await keeper.requester.connected())
            relay.silence()
            let start = ContinuousClock.now
            await #expect(throws: LinkRequestFailure.disconnected) {
                _ = try await keeper.requester.request("name", ByteBuffer())
            }
            #expect(ContinuousClock.now - start < .seconds(3))
            group.cancelAll()
        }
        try await relay.close()
    }
}

private struct NamingResponder: LinkResponder {
    let name: String

    func respond(to request: LinkRequest, from peer: LinkPeer) async -> LinkReply {
        if request.method == "never" { try? await Task.sleep(for: .seconds(60)) }
        return LinkReply(status: .done, body: ByteBuffer(string: name))
    }
}

/// Passes bytes on until it is told to drop them.
private final class SilencedRelay: Sendable {
    let endpoint: Endpoint
    private let gate: Gate
    private let channel: any Channel

    static func bind(to target: Endpoint) async throws -> SilencedRelay {
        let gate = Gate()
        let channel = try await ServerBootstrap(group: loops).childChannelInitializer { near in
            ClientBootstrap(group: near.eventLoop).connect(host: target.host, port: Int(target.port)).flatMap { far in
                far.closeFuture.whenComplete { _ in gate.hasLeft.yield() }
                return near.pipeline.addHandler(Passing(to: far, gate)).flatMap {
                    far.pipeline.addHandler(Passing(to: near, gate))
                }
            }
        }.bind(host: "127.0.0.1", port: 0).get()
        return SilencedRelay(channel, gate)
    }

    private init(_ channel: any Channel, _ gate: Gate) {
        self.channel = channel
        self.gate = gate
        endpoint = Endpoint(host: "127.0.0.1", port: UInt16(channel.localAddress?.port ?? 0))
    }

    /// Returns once the target has closed a connection.
    func left() async { for await _ in gate.leaves { return } }

    func silence() { gate.isShut.withLock { $0 = true } }

    func close() async throws { try await channel.close() }

    private final class Gate: Sendable {
        let isShut = Mutex(false)
        let leaves: AsyncStream<Void>
        let hasLeft: AsyncStream<Void>.Continuation

        init() { (leaves, hasLeft) = AsyncStream.makeStream() }
    }

    private final class Passing: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let gate: Gate

        init(to other: any Channel, _ gate: Gate) {
            self.other = other
            self.gate = gate
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if !gate.isShut.withLock(\.self) { other.writeAndFlush(unwrapInboundIn(data), promise: nil) }
        }

        func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
    }
}
