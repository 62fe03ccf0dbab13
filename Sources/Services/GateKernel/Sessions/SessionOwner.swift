import GateLink
import GateModel
import GateSession
import GateTransport
import GateCrypto
import GateWire
import Logging
import NIOCore

/// Turns what one connection tells into a session of this worker: enters it, feeds it, ends it. On its loop.
final class SessionOwner {
    private let host: SessionHost
    private let eventLoop: any EventLoop
    private let isRelayed: Bool
    private let address: String
    /// Told once whether the session stood; `nil` for connections that others dialled.
    private var outcome: EventLoopPromise<SessionEndpoint>?
    private(set) var endpoint: SessionEndpoint?
    /// Why admission refused, so that the log says more than the failure.
    private var refusal: PeerTable.Refusal?
    private var claimed: NodeUUID?

    init(
        host: SessionHost, eventLoop: any EventLoop, isRelayed: Bool, address: String,
        outcome: EventLoopPromise<SessionEndpoint>?
    ) {
        self.host = host
        self.eventLoop = eventLoop
        self.isRelayed = isRelayed
        self.address = address
        self.outcome = outcome
    }

    /// Whether a proven peer may have the session.
    func admit(_ claim: PeerClaim) -> Bool {
        claimed = claim.peer.node
        refusal = host.table.refusal(of: claim.peer, context: claim.context)
        return refusal == nil
    }

    /// One thing that the connection told.
    func take(_ event: PeerEvent, driver: any SessionDriver) {
        switch event {
        case .message(let message): endpoint?.received(message)
        case .established(let established): stands(established, driver)
        case .closed(let failure): ended(failure)
        }
    }

    private func stands(_ established: Established, _ driver: any SessionDriver) {
        let peer: PeerName = established.peer.node.map { .node($0) } ?? .anonymous
        let session = SessionEndpoint(
            id: established.session, peer: peer, eventLoop: eventLoop, isRelayed: isRelayed,
            isInbound: established.role == .responder, since: SystemClock.wall(), driver: driver, kernel: host.kernel)
        endpoint = session
        host.entered(session)
        outcome?.succeed(session)
        outcome = nil
    }

    /// The connection has ended, for whatever reason.
    func ended(_ failure: SessionFailure) {
        outcome?.fail(failure)
        outcome = nil
        if let endpoint {
            endpoint.ended(reason: "\(failure)")
            self.endpoint = nil
        } else {
            host.failed(failure, refusal: refusal, peer: claimed, address: address)
        }
    }
}
