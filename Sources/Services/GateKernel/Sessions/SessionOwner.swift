import GateCrypto
import GateLink
import GateModel
import GateSession
import GateTransport
import GateWire
import Logging
import NIOCore

/// Turns what one connection tells into a session of this worker: enters it, feeds it, ends it. On its loop.
///
///     handshaking ──established──▶ unconfirmed ──first message──▶ entered      (dialled, showing our name)
///          │   └────established──────────────────────────────────▲             (any other)
///          └─ended──▶ over ◀──ended── from any
///
/// Who dialled and showed its certificate has a session of its own as soon as it has sent the last flight, but does not
/// know yet whether the other side admits it: that is known by the first message, which always follows admission.
final class SessionOwner {
    /// How a session comes to be, as its owner has to know it.
    struct Origin {
        /// Whether it goes over a circuit.
        let isRelayed: Bool
        /// The other side's address, where there is one.
        let address: SocketAddress?
        /// Whether it was dialled from here under our name.
        var awaitsAdmission = false
        /// The address that ``PeerGate`` counts a handshake of.
        var counted: IPAddress?
    }

    private let host: SessionHost
    private let eventLoop: any EventLoop
    private var origin: Origin
    /// Told once whether the session stood; `nil` for connections that others dialled.
    private var outcome: EventLoopPromise<SessionEndpoint>?
    /// The session, once it is entered.
    private(set) var endpoint: SessionEndpoint?
    /// The session that nothing came over yet.
    private var unconfirmed: SessionEndpoint?
    /// Ends a session that stays unconfirmed.
    private var confirmation: Scheduled<Void>?
    /// Why admission refused, so that the log says more than the failure.
    private var refusal: PeerTable.Refusal?
    private var claimed: NodeUUID?
    private var proof: PeerProof?
    private let isInbound: Bool

    init(
        host: SessionHost, eventLoop: any EventLoop, origin: Origin, outcome: EventLoopPromise<SessionEndpoint>?
    ) {
        self.host = host
        self.eventLoop = eventLoop
        self.origin = origin
        self.outcome = outcome
        isInbound = outcome == nil
    }

    /// Whether a proven peer may have the session.
    func admit(_ claim: PeerClaim) -> Bool {
        claimed = claim.peer.node
        proof = claim.certificate.map(PeerProof.init)
        refusal = host.refusal(of: claim, isInbound: isInbound)
        return refusal == nil
    }

    /// One thing that the connection told.
    func take(_ event: PeerEvent, driver: any SessionDriver) {
        switch event {
        case .message(let message):
            if let session = unconfirmed { enter(session) }
            endpoint?.received(message)
        case .established(let established): stands(established, driver)
        case .closed(let failure): ended(failure)
        }
    }

    private func stands(_ established: Established, _ driver: any SessionDriver) {
        handshakeEnded()
        let peer: PeerName = established.peer.node.map { .node($0) } ?? .anonymous
        let session = SessionEndpoint(
            id: established.session, peer: peer, eventLoop: eventLoop,
            way: SessionEndpoint.Way(
                isRelayed: origin.isRelayed, isInbound: isInbound, isHiding: !isInbound && !origin.awaitsAdmission,
                address: origin.address?.ip, certifiedUntil: proof?.notAfter),
            since: SystemClock.wall(), driver: driver, kernel: host.kernel)
        guard origin.awaitsAdmission else { return enter(session) }
        unconfirmed = session
        // Pings and pongs are not told to us, so the session would not end by itself while the other side only pongs.
        confirmation = eventLoop.assumeIsolated().scheduleTask(in: host.admissionTime) { [weak self] in
            self?.unconfirmed?.close(.idle)
        }
    }

    private func enter(_ session: SessionEndpoint) {
        unconfirmed = nil
        confirmation?.cancel()
        switch host.entered(session, proof) {
        case .entered(let loser):
            endpoint = session
            // Of two sessions with one node the asker gets the one that stays.
            let kept = loser === session ? session.peer.node.flatMap { host.kernel.session(with: $0) } : session
            outcome?.succeed(kept ?? session)
            outcome = nil
        case .full:
            refusal = .full
            eventLoop.execute { session.close(.overloaded) }
        }
    }

    /// The connection has ended, for whatever reason.
    func ended(_ failure: SessionFailure) {
        handshakeEnded()
        if let address = origin.address?.ip, isInbound {
            host.gate.charge(address, for: failure, at: SystemClock.now())
        }
        outcome?.fail(failure)
        outcome = nil
        unconfirmed = nil
        confirmation?.cancel()
        if let endpoint {
            endpoint.ended(reason: "\(failure)")
            host.noteSighting(of: endpoint, proof)
            self.endpoint = nil
        } else if isInbound {
            host.failed(failure, refusal: refusal, peer: claimed, address: origin.address.map { "\($0)" } ?? "")
        } else {
            host.kernel.metrics.handshakesFailed.add()
        }
    }

    private func handshakeEnded() {
        if let counted = origin.counted { host.gate.ended(counted) }
        origin.counted = nil
    }
}

/// What is kept of a peer's certificate for as long as its session stands.
struct PeerProof {
    let bundleHash: [UInt8]
    let features: UInt64
    let notAfter: UnixTime

    init(_ certificate: WorkerCertificate) {
        bundleHash = certificate.bundle.hash
        features = certificate.features
        notAfter = certificate.notAfter
    }
}

extension PeerName {
    /// The node, where the peer has proven one.
    var node: NodeUUID? {
        switch self {
        case .node(let node): node
        case .anonymous: nil
        }
    }
}
