internal import GateModel
internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Tries whether this machine would let us listen somewhere.
enum PortProbe {
    /// `nil` if it would; the port is free again at once.
    static func reasonNotToBind(_ endpoint: Endpoint) async -> String? {
        guard endpoint.port != 0 else { return nil }
        do {
            var bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            if endpoint.host.contains(":") {
                // Kernels listen on both families apart; a probe of `::` must not take IPv4 with it.
                bootstrap = bootstrap.serverChannelOption(.socket(.init(IPPROTO_IPV6), .init(IPV6_V6ONLY)), value: 1)
            }
            let channel = try await bootstrap.bind(host: endpoint.host, port: Int(endpoint.port)).get()
            try await channel.close()
            return nil
        } catch let failure as IOError {
            return String(cString: strerror(failure.errnoCode))
        } catch {
            return "\(error)"
        }
    }
}
