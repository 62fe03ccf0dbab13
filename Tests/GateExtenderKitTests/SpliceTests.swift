import GateExtenderKit
import GateModel
import NIOCore
import NIOPosix
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct Splices {
    @Test(arguments: ["127.0.0.1", "::1"])
    func `that are cancelled after their output was shut down reset the stream, and never finish it`(host: String)
        async throws
    {
        let server = try await HalfAnswer.start(at: host)
        let splicer = SplicingExtender(target: try #require(server.localAddress))
        try await withPair(splicer) { pair in
            let stream = try await pair.connect().openStream(first: ByteBuffer(string: "all that I ask"))
            stream.finish()
            // The server answers the end of its input, so the splice has shut its output down.
            let first = try await stream.read()
            #expect(first.map { String(buffer: $0) } == HalfAnswer.text)
            splicer.cancel()
            let failure = await #expect(throws: ExtenderFailure.self) { try await stream.read() }
            #expect(failure?.code == .streamReset)
        }
        try await server.close()
    }
}

/// Splices each stream with a connection to `target`, until cancelled.
private final class SplicingExtender: Extender {
    let id = testExtender
    let name = "splicer"
    private let target: SocketAddress
    private let task = Mutex<Task<Void, any Error>?>(nil)

    init(target: SocketAddress) { self.target = target }

    func cancel() { task.withLock { $0?.cancel() } }

    func opened(_ stream: PeerStream) async throws {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(to: target).get()
        // Under the lock, so that nothing of the splice is seen before it can be cancelled.
        let splice = task.withLock { task in
            let splice = Task { _ = try await stream.splice(with: channel) }
            task = splice
            return splice
        }
        try await splice.value
    }
}

/// Answers the end of its input with half of what it has, and then says nothing.
private final class HalfAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    static let text = "half of the ans"

    static func start(at host: String) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(HalfAnswer()) }
            }
            .bind(host: host, port: 0).get()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event as? ChannelEvent == .inputClosed else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: HalfAnswer.text)), promise: nil)
    }
}
