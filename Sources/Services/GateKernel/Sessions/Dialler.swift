import GateLink
import GateModel
import GateSession
import GateStore
import GateTransport
import Logging
import NIOCore
import NIOPosix

/// Opens direct sessions: resolves, connects, hand-shakes, one endpoint after the other.
struct Dialler: Sendable {
    let kernel: KernelState
    let host: SessionHost
    let table: PeerTable
    let group: any EventLoopGroup
    let resolver: NIOThreadPool

    /// How long TCP may take to connect.
    static let connectTime = Duration.seconds(5)

    /// Tries the endpoints in order. With `publicOnly` an address is dialled only if it is public unicast.
    func dial(
        _ node: NodeUUID, at endpoints: [Endpoint], anonymous: Bool, publicOnly: Bool
    ) async -> Result<SessionEndpoint, ConnectFault> {
        if let reluctance = host.reluctance { return .failure(reluctance) }
        var fault = ConnectFault.unknownPeer
        for endpoint in endpoints.prefix(StoreLimit.peerEndpoints) {
            for address in await resolve(endpoint) {
                guard !publicOnly || address.ip?.isPublicUnicast == true else {
                    fault = ConnectFault(.unreachable, "its address is not public")
                    continue
                }
                switch await attempt(node, address, anonymous: anonymous) {
                case .success(let session): return .success(session)
                case .failure(let failure): fault = failure
                }
            }
        }
        kernel.logger.info(
            "No session with a peer", metadata: ["peer": "\(node)", "reason": "\(fault.reason)"])
        return .failure(fault)
    }

    private func attempt(
        _ node: NodeUUID, _ address: SocketAddress, anonymous: Bool
    ) async -> Result<SessionEndpoint, ConnectFault> {
        let loop = group.next()
        let outcome = loop.makePromise(of: SessionEndpoint.self)
        let host = host
        let connected = PeerBootstrap.dial(address, on: loop, timeout: Dialler.connectTime) { channel in
            try host.dial(node, on: channel, at: address, anonymous: anonymous, outcome: outcome)
        }
        connected.whenFailure { outcome.fail($0) }
        do {
            return .success(try await outcome.futureResult.get())
        } catch let failure as SessionFailure {
            // A connection that never came to be ends its handshake, too, and perhaps first; TCP's reason says more.
            do { _ = try await connected.get() } catch {
                return .failure(ConnectFault(.unreachable, "\(address): \(error)"))
            }
            let fault = ConnectFault(failure)
            host.noteRefusal(of: node, at: "\(address)", isInbound: false, fault.reason)
            return .failure(fault)
        } catch {
            return .failure(ConnectFault(.unreachable, "\(address): \(error)"))
        }
    }

    private func resolve(_ endpoint: Endpoint) async -> [SocketAddress] {
        if let literal = try? SocketAddress(ipAddress: endpoint.host, port: Int(endpoint.port)) { return [literal] }
        let addresses = try? await resolver.runIfActive {
            try SocketAddress.makeAddressResolvingHost(endpoint.host, port: Int(endpoint.port))
        }
        return addresses.map { [$0] } ?? []
    }
}
