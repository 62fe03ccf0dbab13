import GateModel
import GateTransport
import NIOCore

/// The sockets on which other nodes connect: closed while the worker drains, so that connections go to workers that
/// share the address, and opened again at the same ports.
actor PeerListeners {
    /// Where peers connect, with the ports that the system chose.
    let endpoints: [Endpoint]
    private var channels: [any Channel]
    private let isSharing: Bool
    private let group: any EventLoopGroup
    private let host: SessionHost

    /// Listens on every endpoint, or throws ``KernelFailure/cannotListen(_:_:)`` and on none.
    init(
        on asked: [Endpoint], sharing isSharing: Bool, group: any EventLoopGroup, host: SessionHost
    ) async throws {
        self.isSharing = isSharing
        self.group = group
        self.host = host
        channels = try await PeerListeners.open(asked, sharing: isSharing, group: group, host: host)
        endpoints = zip(asked, channels).map { endpoint, channel in
            Endpoint(host: endpoint.host, port: UInt16(clamping: channel.localAddress?.port ?? Int(endpoint.port)))
        }
    }

    /// Listens again, if it does not; what can't be bound is told.
    func open() async throws {
        guard channels.isEmpty else { return }
        channels = try await PeerListeners.open(endpoints, sharing: isSharing, group: group, host: host)
    }

    /// Listens no more; connections that were taken stay.
    func close() async {
        let open = channels
        channels = []
        for channel in open { try? await channel.close() }
    }

    private static func open(
        _ endpoints: [Endpoint], sharing isSharing: Bool, group: any EventLoopGroup, host: SessionHost
    ) async throws -> [any Channel] {
        var channels: [any Channel] = []
        for endpoint in endpoints {
            do {
                channels.append(
                    try await PeerBootstrap.listen(on: endpoint, group: group, sharing: isSharing) { channel in
                        try host.accept(channel)
                    })
            } catch {
                for channel in channels { try? await channel.close() }
                throw KernelFailure.cannotListen(endpoint, "\(error)")
            }
        }
        return channels
    }
}
