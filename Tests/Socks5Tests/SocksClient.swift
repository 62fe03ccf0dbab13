import GateModel
import NIOCore
import NIOPosix
import Socks5

/// A program that speaks SOCKS5 to a service under test.
struct SocksClient: Sendable {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    /// Connects over TCP.
    static func connect(to endpoint: Endpoint, group: any EventLoopGroup) async throws -> SocksClient {
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: endpoint.host, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(isOutboundHalfClosureEnabled: true))
                }
            }
        return SocksClient(channel: channel)
    }

    /// Sends `bytes`, shuts its output down, and returns everything that comes until the other side ends.
    func exchange(_ bytes: [UInt8]) async throws -> [UInt8] {
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(bytes: bytes))
            outbound.finish()
            var received: [UInt8] = []
            do {
                for try await buffer in inbound { received += buffer.readableBytesView }
            } catch let error as IOError where error.errnoCode == ECONNRESET {}
            return received
        }
    }
}

/// A local server: answers each connection's whole input with the same bytes, then ends.
struct EchoServer: Sendable {
    let channel: any Channel

    static func start(group: any EventLoopGroup, host: String = "127.0.0.1") async throws -> EchoServer {
        let channel = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
            }
            .bind(host: host, port: 0).get()
        return EchoServer(channel: channel)
    }

    var port: UInt16 { UInt16(channel.localAddress?.port ?? 0) }

    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(wrapOutboundOut(unwrapInboundIn(data)), promise: nil)
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event as? ChannelEvent == .inputClosed else { return }
            // After everything before it: closing drops writes that wait.
            let written = context.eventLoop.makePromise(of: Void.self)
            let channel = context.channel
            written.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
            context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: written)
        }
    }
}
