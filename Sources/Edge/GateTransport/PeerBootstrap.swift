package import GateModel
package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#endif

/// Sockets of the peer protocol: how they are opened, and with which options.
package enum PeerBootstrap {
    /// Connections that wait to be accepted, per listener.
    package static let backlog: Int32 = 4096
    /// Bytes that may wait in a connection's outbound buffer before it stops being writable, and where it is again.
    package static let writeWatermarks = ChannelOptions.Types.WriteBufferWaterMark(low: 512 * 1024, high: 1024 * 1024)
    /// The smallest, first and largest read of a connection: an idle one costs little, a busy one few system calls.
    package static let readBytes = AdaptiveRecvByteBufferAllocator(
        minimum: 1024, initial: 2048, maximum: 256 * 1024)
    /// Reads of one connection before other connections have their turn.
    package static let readsPerTurn: UInt = 4

    /// Listens on one literal address. `configure` runs on the new connection's loop before its first read.
    ///
    /// An IPv6 wildcard takes IPv6 only, so that `0.0.0.0` and `[::]` stand side by side with the same port.
    package static func listen(
        on endpoint: Endpoint, group: any EventLoopGroup, sharing: Bool = false,
        configure: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> any Channel {
        let address = try SocketAddress(ipAddress: endpoint.host, port: Int(endpoint.port))
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Accepted connections have it from their listener.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in prepare(channel, configure) }
        if sharing {
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.socketOption(NIOBSDSocket.Option(rawValue: CInt(SO_REUSEPORT))), value: 1)
        }
        if case .v6 = address {
            bootstrap = bootstrap.serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .ipv6, name: .ipv6_v6only), value: 1)
        }
        return try await bootstrap.bind(to: address).get()
    }

    /// Dials one address; `configure` runs on the connection's loop before anything is sent.
    package static func dial(
        _ address: SocketAddress, on eventLoop: any EventLoop, timeout: Duration,
        configure: @escaping @Sendable (any Channel) throws -> Void
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.nanoseconds(timeout.components.seconds * 1_000_000_000))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in prepare(channel, configure) }
            .connect(to: address)
    }

    /// Sets a connection's options and has it configured, on its loop. Options that a bootstrap sets take a chain of
    /// futures each.
    private static func prepare(
        _ channel: any Channel, _ configure: (any Channel) throws -> Void
    ) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            guard let options = channel.syncOptions else { throw ChannelError.operationUnsupported }
            try options.setOption(.writeBufferWaterMark, value: writeWatermarks)
            try options.setOption(.maxMessagesPerRead, value: readsPerTurn)
            try options.setOption(.recvAllocator, value: readBytes)
            try configure(channel)
        }
    }
}
