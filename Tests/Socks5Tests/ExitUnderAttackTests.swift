import GateExtenderKit
import GateModel
import GateTestKit
import Logging
import NIOCore
import NIOPosix
@testable import Socks5
import Testing

/// An exit and a peer that breaks the exit's own rules, as far as streams let it.
@Suite(.timeLimit(.minutes(2))) struct ExitUnderAttackTests {
    @Test func `a target is closed when its stream was reset while the exit connected`() async throws {
        try await withExit(["socks5.exit": "all", "socks5.exit-allow-private": "true"]) { exit in
            let target = try await CountingTarget.start(group: exit.group)
            let session = try await exit.attacker.connect(to: Socks5Nodes.exitNode)
            let stream = try await session.openStream(first: exit.request(to: target.port))
            stream.reset(.cancelled)
            var ends = target.ended.makeAsyncIterator()
            #expect(await ends.next() != nil)
        }
    }

    @Test func `a peer that grants no credit for a refusal is reset`() async throws {
        try await withExit(["socks5.exit": "off"]) { exit in
            let session = try await exit.attacker.connect(to: Socks5Nodes.exitNode)
            let stream = try await session.openStream(first: exit.request(to: 80))
            await #expect(throws: ExtenderFailure.self) { _ = try await stream.read() }
        }
    }

    @Test func `a peer that grants no credit for a success is reset and its target closed`() async throws {
        try await withExit(["socks5.exit": "all", "socks5.exit-allow-private": "true"]) { exit in
            let target = try await CountingTarget.start(group: exit.group)
            let session = try await exit.attacker.connect(to: Socks5Nodes.exitNode)
            let stream = try await session.openStream(first: exit.request(to: target.port))
            await #expect(throws: ExtenderFailure.self) { _ = try await stream.read() }
            var ends = target.ended.makeAsyncIterator()
            #expect(await ends.next() != nil)
        }
    }

    @Test func `a node that only the default lets in is no peer of the exit`() async throws {
        let settings = ["socks5.exit": "peers", "socks5.exit-allow-private": "true"]
        try await withSocks5(settings) { socks in
            try await socks.nodes.letStrangersIn()
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.fetch(server.port, [])
            #expect(answer == refused(.notAllowed))
        }
    }

    @Test func `what comes after its deadline is handed over to be closed`() async throws {
        let (late, continuation) = AsyncStream.makeStream(of: Int.self)
        await #expect(throws: DeadlineExceeded.self) {
            _ = try await within(.zero, late: { continuation.yield($0) }) {
                // Cancelled, as a connect is that had just succeeded.
                for await _ in AsyncStream.makeStream(of: Void.self).stream {}
                return 7
            }
        }
        var values = late.makeAsyncIterator()
        #expect(await values.next() == 7)
    }

    @Test func `advertised and platform addresses are own addresses`() async throws {
        let resolver = ExitResolver(threadCount: 1)
        resolver.start()
        let own = OwnAddresses(advertisedHosts: ["192.0.2.77", "localhost"], resolver: resolver)
        let addresses = await own.current()
        await resolver.stop()
        for text in ["192.0.2.77", "127.0.0.1", "168.63.129.16"] {
            let address = try #require(IPAddress(text: text))
            #expect(addresses.contains(address))
        }
    }

    @Test func `the platform's public address is denied`() async throws {
        try await withSocks5(["socks5.exit": "all"]) { socks in
            let answer = try await socks.fetch(80, [], host: [1, 168, 63, 129, 16])
            #expect(answer == refused(.notAllowed))
        }
    }
}

/// A real exit, and a replica at another node that speaks the exit's language itself and grants no credit.
private struct AttackedExit: Sendable {
    let attacker: ExtenderService
    let group: any EventLoopGroup

    func request(to port: UInt16) -> ByteBuffer {
        var buffer = ByteBuffer()
        ExitRequest.encode(
            known(IPAddress(text: "127.0.0.1").flatMap { Socks5Target(address: $0, port: port) }), into: &buffer)
        return buffer
    }
}

private func withExit(
    _ settings: [String: String], _ body: @Sendable (AttackedExit) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let others = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let nodes = FakeNodes(eventLoop: group.next())
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let (ready, readiness) = AsyncStream.makeStream(of: [Endpoint].self)
    var configuration = Socks5Configuration(
        listen: [], access: nodes.access(to: Socks5Nodes.exitNode, for: ShippedExtender.socks5),
        settings: FixedNodeSettings(settings), group: group)
    configuration.answerTime = .milliseconds(50)
    configuration.ready = { readiness.yield($0) }
    let exit = Socks5Service(configuration: configuration, logger: logger)
    var limits = ExtenderLimits()
    limits.streamWindow = 0
    let attacker = ExtenderService(
        extender: Attacker(), limits: limits,
        access: nodes.access(to: Socks5Nodes.clientNode, for: ShippedExtender.socks5), group: group, logger: logger)
    let outcome: Result<Void, any Error>
    do {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await exit.run() }
            tasks.addTask { try await attacker.run() }
            var exits = ready.makeAsyncIterator()
            _ = await exits.next()
            await attacker.attached()
            try await body(AttackedExit(attacker: attacker, group: others))
            tasks.cancelAll()
        }
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    try await others.shutdownGracefully()
    try await group.shutdownGracefully()
    try outcome.get()
}

private struct Attacker: Extender {
    let id = ShippedExtender.socks5
    let name = "socks5"
}

/// A target that says when a connection to it has ended.
private struct CountingTarget: Sendable {
    let port: UInt16
    let ended: AsyncStream<Void>

    static func start(group: any EventLoopGroup) async throws -> CountingTarget {
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        let channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.closeFuture.whenComplete { _ in continuation.yield() }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return CountingTarget(port: UInt16(channel.localAddress?.port ?? 0), ended: ended)
    }
}
