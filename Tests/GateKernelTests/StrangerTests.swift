import GateModel
import GateStore
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

/// Who connects to a worker over a real socket and is not understood.
@Suite(.timeLimit(.minutes(1))) struct StrangersOnASocket {
    @Test(arguments: [0, 1, 65, 66, 5_000, 300_000, 3_000_000])
    func `are left with an orderly end, in the handshake's time, whatever they sent`(_ byteCount: Int) async throws {
        try await withKernels(1) { nodes in
            let node = nodes[0]
            try await node.set(NodeSettings.handshakeTimeout.definition, "1s")
            let endpoint = try node.endpoint
            let group = MultiThreadedEventLoopGroup.singleton
            let loop = group.next()
            let end = loop.makePromise(of: Bool.self)
            let begin = ContinuousClock.now
            let channel = try await ClientBootstrap(group: loop)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(EndWatch(end))
                    }
                }
                .connect(host: endpoint.host, port: Int(endpoint.port)).get()
            if byteCount > 0 {
                channel.writeAndFlush(ByteBuffer(repeating: 0x5a, count: byteCount), promise: nil)
            }

            #expect(try await end.futureResult.get())
            let time = ContinuousClock.now - begin
            #expect((.milliseconds(790)...Duration.milliseconds(1_900)).contains(time), "\(time)")
            try? await channel.close()
            while node.kernel.host.gate.halfOpenCount > 0 { try await Task.sleep(for: .milliseconds(5)) }
        }
    }
}

/// Tells once how the other side ended the connection: `true` in order, `false` by a reset.
private final class EndWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let end: EventLoopPromise<Bool>

    init(_ end: EventLoopPromise<Bool>) { self.end = end }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent { end.succeed(true) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { end.succeed(false) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end.succeed(false)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { end.succeed(false) }
}
