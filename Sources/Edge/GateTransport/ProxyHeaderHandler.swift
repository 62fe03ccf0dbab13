package import GateWire
package import NIOCore

/// Reads the PROXY header that a balancer puts before a connection's first byte, then gives its place to whatever
/// `ended` installs behind it, with the bytes that followed.
///
/// Holds at most one read beside the header: reading stops being asked for by nobody, but a header is refused as soon as
/// its bytes are wrong or its length is too large, so what waits here is shorter than the longest header.
package final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    /// How waiting for the header ended.
    package enum End: Equatable, Sendable {
        /// A client's connection; the handlers behind are to be installed now.
        case client(SocketAddress)
        /// The balancer's own connection; it is closed.
        case balancer
        /// No header that is taken; the connection is closed.
        case refused(ProxyHeaderFault)
        /// No whole header in time; the connection is closed.
        case late
        /// The connection ended before its header was whole.
        case closed
    }

    private let timeout: TimeAmount
    private let ended: (End) throws -> Void
    private var received = ByteBuffer()
    private var timer: Scheduled<Void>?
    private var hasEnded = false

    /// - Parameters:
    ///   - timeout: From the connection's beginning to the header's last byte.
    ///   - ended: Told once, on the channel's loop; throwing closes the connection.
    package init(timeout: TimeAmount, ended: @escaping (End) throws -> Void) {
        self.timeout = timeout
        self.ended = ended
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        guard !hasEnded else { return }
        received.writeBuffer(&bytes)
        do throws(ProxyHeaderFault) {
            guard let header = try ProxyHeader.read(from: &received) else { return }
            switch header {
            case .balancer: end(.balancer, context)
            case .client(let address, let port): handOver(address.socketAddress(port: port), context)
            }
        } catch {
            end(.refused(error), context)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        end(.closed, context)
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { end(.closed, context) }

    private func start(_ context: ChannelHandlerContext) {
        guard timer == nil, !hasEnded else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { self.end(.late, context) }
    }

    private func handOver(_ address: SocketAddress?, _ context: ChannelHandlerContext) {
        guard let address else { return end(.refused(.family), context) }
        hasEnded = true
        timer?.cancel()
        do {
            try ended(.client(address))
        } catch {
            return context.close(promise: nil)
        }
        if received.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(received))
            context.fireChannelReadComplete()
        }
        received = ByteBuffer()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func end(_ end: End, _ context: ChannelHandlerContext) {
        guard !hasEnded else { return }
        hasEnded = true
        timer?.cancel()
        received = ByteBuffer()
        try? ended(end)
        context.close(promise: nil)
    }
}
