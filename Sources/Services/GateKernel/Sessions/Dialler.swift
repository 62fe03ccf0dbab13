import GateLink
import GateModel
import GateSession
import GateStore
import GateTransport
import Logging
import NIOCore

/// Opens direct sessions: resolves, connects, hand-shakes, one endpoint after the other.
struct Dialler: Sendable {
    let kernel: KernelState
    let host: SessionHost
    let group: any EventLoopGroup
    let resolver: HostResolver
    let own: OwnAddresses

    /// How long TCP may take to connect.
    static let connectTime = Duration.seconds(5)

    /// Dials for ourselves: tries the endpoints in order.
    func dial(
        _ node: NodeUUID, at endpoints: [Endpoint], anonymous: Bool
    ) async -> Result<SessionEndpoint, ConnectFault> {
        if let reluctance = host.reluctance { return .failure(reluctance) }
        var fault = ConnectFault.unknownPeer
        for endpoint in endpoints.prefix(StoreLimit.peerEndpoints) {
            guard let address = await resolver.address(of: endpoint) else { continue }
            switch await attempt(node, address, anonymous: anonymous, ticket: nil) {
            case .success(let session): return .success(session)
            case .failure(let failure as SessionFailure):
                fault = ConnectFault(failure)
                host.noteRefusal(of: node, at: "\(address)", isInbound: false, fault.reason)
            case .failure(let error): fault = ConnectFault(.unreachable, "\(address): \(error)")
            }
        }
        kernel.logger.info(
            "No session with a peer", metadata: ["peer": "\(node)", "reason": "\(fault.reason)"])
        return .failure(fault)
    }

    /// Dials to go on with a session: first where it was, then where else the node may listen.
    func dial(
        _ node: NodeUUID, at known: [Endpoint], resuming suspended: SuspendedSession
    ) async -> Result<SessionEndpoint, ConnectFault> {
        if let reluctance = host.reluctance { return .failure(reluctance) }
        var places = [suspended.address]
        for endpoint in known.prefix(StoreLimit.peerEndpoints) {
            guard let address = await resolver.address(of: endpoint), !places.contains(address) else { continue }
            places.append(address)
        }
        var fault = ConnectFault.unknownPeer
        for place in places where kernel.isSuspended(suspended.endpoint) {
            switch await attempt(node, place, anonymous: false, ticket: nil, resuming: suspended) {
            case .success(let session): return .success(session)
            case .failure(let failure as SessionFailure): fault = ConnectFault(failure)
            case .failure(let error): fault = ConnectFault(.unreachable, "\(place): \(error)")
            }
        }
        return .failure(fault)
    }

    /// Dials for a circuit, while its ticket holds. Where circuits want to go is neither logged nor written down.
    func dial(_ node: NodeUUID, for ticket: DialTicket, at places: [SocketAddress]) async -> SessionEndpoint? {
        guard host.reluctance == nil else { return nil }
        for place in places where !ticket.isOver {
            if case .success(let session) = await attempt(node, place, anonymous: false, ticket: ticket) {
                return session
            }
        }
        return nil
    }

    private func attempt(
        _ node: NodeUUID, _ address: SocketAddress, anonymous: Bool, ticket: DialTicket?,
        resuming suspended: SuspendedSession? = nil
    ) async -> Result<SessionEndpoint, any Error> {
        let loop = suspended?.eventLoop ?? group.next()
        let outcome = loop.makePromise(of: SessionEndpoint.self)
        let host = host
        outcome.futureResult.whenSuccess { _ in ticket?.settle() }
        let connected = PeerBootstrap.dial(address, on: loop, timeout: Dialler.connectTime) { channel in
            try host.dial(
                node, on: channel, at: address, anonymous: anonymous, resuming: suspended, outcome: outcome)
            ticket?.onEnd { channel.close(promise: nil) }
        }
        connected.whenFailure { outcome.fail($0) }
        do {
            return .success(try await outcome.futureResult.get())
        } catch let failure {
            // A connection that never came to be ends its handshake, too, and perhaps first; TCP's reason says more.
            do { _ = try await connected.get() } catch { return .failure(error) }
            return .failure(failure)
        }
    }
}
