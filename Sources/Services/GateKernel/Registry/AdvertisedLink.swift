import GateLinkTransport
import GateModel
import GateSettings
import GateTransport
import NIOCore
import NIOPosix

/// Where extenders are told to attach to this worker.
enum AdvertisedLink {
    static func endpoint(
        of links: LinkServer?, _ configuration: KernelConfiguration, group: any EventLoopGroup
    ) async -> Endpoint? {
        guard let bound = links?.endpoint else { return nil }
        var routed: IPAddress?
        if let database = configuration.databaseEndpoint { routed = await route(to: database, group: group) }
        return configuration.linkAdvertisement.endpoint(bound: bound, routed: routed, machine: OwnAddresses.machine())
    }

    /// This machine's address on the way there: a datagram socket learns it by connecting, which sends nothing.
    static func route(to endpoint: Endpoint, group: any EventLoopGroup) async -> IPAddress? {
        let channel = try? await DatagramBootstrap(group: group)
            .connect(host: endpoint.host, port: Int(endpoint.port)).get()
        guard let channel else { return nil }
        let address = channel.localAddress?.ip
        try? await channel.close()
        return address
    }
}
