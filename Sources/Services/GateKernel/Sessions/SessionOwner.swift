import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore

/// Turns what one connection tells into a session of this worker: enters it, feeds it, ends it. On its loop.
///
///     handshaking ──established──▶ unconfirmed ──first message──▶ entered      (dialled, showing our name)
///          │   ├────established──▶ resuming ──the database said yes──▲          (the peer wants to go on with a session)
///          │   │                      └──the database said no──▶ unconfirmed
///          │   └────established──────────────────────────────────────▲          (any other)
///          └─ended──▶ over ◀──ended── from any
///
/// A session that is resumed keeps its name, whoever carries it; its endpoint is a new one with a higher epoch. A session
/// that ends because its way broke is suspended, where it may be, before it is over.
///
/// Who dialled and showed its certificate has a session of its own as soon as it has sent the last flight, but does not
/// know yet whether the other side admits it: that is known by the first message, which always follows admission. Nor
/// does who refused to go on with a session know whether the other side wants another, or shows another secret.
final class SessionOwner {
    /// How a session comes to be, as its owner has to know it.
    struct Origin {
        /// Whether it goes over a circuit.
        let isRelayed: Bool
        /// The other side's address, where there is one.
        let address: SocketAddress?
        /// Whether it was dialled from here under our name.
        var awaitsAdmission = false
        /// The session that is dialled to go on with.
        var resuming: SuspendedSession?
        /// The address that ``PeerGate`` counts a handshake of.
        var counted: IPAddress?
        /// The address that ``PeerGate`` counts a connection of.
        var admitted: IPAddress?
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
    /// Whether the database is asked whether a session may go on.
    private var isResuming = false
    /// Ends a session that stays unconfirmed, or undecided.
    private var confirmation: Scheduled<Void>?
    /// Why admission refused, so that the log says more than the failure.
    private var refusal: PeerTable.Refusal?
    private var claimed: NodeUUID?
    private var proof: PeerProof?
    private let isInbound: Bool
    /// What the worker's certificate was when the handshake began; it shows that one, or a later.
    private let credentials: WorkerCredentials?

    init(
        host: SessionHost, eventLoop: any EventLoop, origin: Origin, outcome: EventLoopPromise<SessionEndpoint>?
    ) {
        self.host = host
        self.eventLoop = eventLoop
        self.origin = origin
        self.outcome = outcome
        isInbound = outcome == nil
        credentials = host.context(of: eventLoop)?.environment.credentials
    }

    /// Whether a proven peer may have the session.
    func admit(_ claim: PeerClaim) -> Bool {
        claimed = claim.peer.node
        proof = claim.certificate.map(PeerProof.init)
        refusal = host.refusal(of: claim, isInbound: isInbound)
        return refusal == nil
    }

    /// Whether the session's messages for the extender are worth unfolding; before it stands nobody knows.
    func takes(_ extender: ExtenderID) -> Bool { endpoint?.takes(extender) ?? true }

    /// One thing that the connection told.
    func take(_ event: PeerEvent, driver: any SessionDriver) {
        switch event {
        case .message(let message): received(message, driver)
        case .established(let established): stands(established, driver)
        case .certified(let certificate):
            proof = PeerProof(certificate)
            (endpoint ?? unconfirmed)?.certified(until: certificate.notAfter)
        case .keysUpdated(let epoch):
            host.kernel.metrics.keyUpdates.add()
            (endpoint ?? unconfirmed)?.keyEpoch = epoch
        case .closed(let failure): ended(failure)
        }
    }

    private func stands(_ established: Established, _ driver: any SessionDriver) {
        handshakeEnded()
        let session = endpoint(established, driver)
        if let proof = established.resuming, let node = established.peer.node {
            return resume(proof, with: node, session, driver)
        }
        guard origin.awaitsAdmission else { return enter(session) }
        awaitWord(of: session)
    }

    /// Enters the session once the other side says something over it.
    private func awaitWord(of session: SessionEndpoint) {
        unconfirmed = session
        // Pings and pongs are not told to us, so the session would not end by itself while the other side only pongs.
        confirmation = eventLoop.assumeIsolated().scheduleTask(in: host.admissionTime) { [weak self] in
            self?.unconfirmed?.close(.idle)
        }
    }

    private func endpoint(_ established: Established, _ driver: any SessionDriver) -> SessionEndpoint {
        let peer = established.peer
        let isHiding = !isInbound && !origin.awaitsAdmission
        let resumes = isInbound ? host.resumesSessions : proof?.resumesSessions ?? false
        return SessionEndpoint(
            id: established.session, peer: peer.node.map { .node($0) } ?? .anonymous, eventLoop: eventLoop,
            way: SessionEndpoint.Way(
                isRelayed: origin.isRelayed, isInbound: isInbound, isHiding: isHiding, address: origin.address?.ip,
                certifiedUntil: proof?.notAfter, peerWorker: proof?.worker ?? 0,
                isResumable: resumes && !origin.isRelayed && !isHiding && peer.node != nil,
                version: established.version),
            since: SystemClock.wall(), driver: driver, kernel: host.kernel, backlog: host.backlog(of: eventLoop))
    }

    private func received(_ message: SessionMessage, _ driver: any SessionDriver) {
        guard !isResuming else { return driver.close(.protocolViolation) }  // who asks to go on waits for the answer
        guard let session = unconfirmed else { return endpoint?.received(message) ?? () }
        if let suspended = origin.resuming {
            guard case .resumed(let isAccepted, let epoch) = message else { return driver.close(.protocolViolation) }
            return answered(isAccepted, epoch, session, suspended, driver)
        }
        enter(session)
        endpoint?.received(message)
    }

    // MARK: Going on with a session

    /// The peer proves that it had a session with this node: the database says whether it goes on.
    private func resume(
        _ proof: ResumptionProof, with node: NodeUUID, _ session: SessionEndpoint, _ driver: any SessionDriver
    ) {
        isResuming = true
        // A database that hangs does not answer at all.
        confirmation = eventLoop.assumeIsolated().scheduleTask(in: SessionHost.takeoverTime) { [weak self] in
            if self?.isResuming == true { session.close(.goingAway) }
        }
        let owner = NIOLoopBound(self, eventLoop: eventLoop)
        host.resume(proof, with: node, secret: session.resumptionSecret, on: eventLoop) { outcome in
            owner.value.decided(outcome, of: proof.session, session)
        }
    }

    private func decided(_ outcome: WorkerRegistry.Takeover, of id: SessionID, _ session: SessionEndpoint) {
        let isAwaited = isResuming
        isResuming = false
        if isAwaited { confirmation?.cancel() }
        switch outcome {
        case .accepted(let epoch) where isAwaited:
            session.enqueue(.resumed(isAccepted: true, epoch: epoch))
            goOn(session, as: id, epoch)
            (endpoint ?? session).flush()
        case .accepted(let epoch): host.abandoned(SessionStand(id: id, epoch: epoch), on: eventLoop)
        case .refused where isAwaited:
            awaitWord(of: session)
            session.enqueue(.resumed(isAccepted: false, epoch: 0))
            session.flush()
        // The peer may ask again, here or at a worker that reaches the database.
        case .unanswered where isAwaited: session.close(.goingAway)
        case .refused, .unanswered: break
        }
    }

    /// The other side says whether our session goes on.
    private func answered(
        _ isAccepted: Bool, _ epoch: SessionEpoch, _ session: SessionEndpoint, _ suspended: SuspendedSession,
        _ driver: any SessionDriver
    ) {
        unconfirmed = nil
        confirmation?.cancel()
        if isAccepted {
            guard epoch > suspended.endpoint.epoch else { return driver.close(.protocolViolation) }
            guard host.kernel.isSuspended(suspended.endpoint) else { return driver.close(.done) }
            return goOn(session, as: suspended.endpoint.id, epoch)
        }
        // Where an earlier attempt's answer was lost, the other side may expect that attempt's secret, or the one before.
        if suspended.refused() { return driver.close(.done) }
        host.kernel.giveUp(suspended.endpoint)
        enter(session)
    }

    /// The connection carries the session `id` from now on.
    private func goOn(_ fresh: SessionEndpoint, as id: SessionID, _ epoch: SessionEpoch) {
        guard let session = fresh.renamed(id, epoch) else { return }
        switch host.resumed(session, proof, shown: credentials) {
        case .stands:
            endpoint = session
            outcome?.succeed(session)
            outcome = nil
        case .late: eventLoop.execute { fresh.close(.duplicate) }
        }
    }

    // MARK: Beginnings and ends

    private func enter(_ session: SessionEndpoint) {
        unconfirmed = nil
        confirmation?.cancel()
        switch host.entered(session, proof, shown: credentials) {
        case .entered(let loser):
            endpoint = session
            // Of two sessions with one worker the asker gets the one that stays.
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
        if let admitted = origin.admitted { host.gate.left(admitted) }
        origin.admitted = nil
        charge(failure)
        if let suspended = origin.resuming, let session = unconfirmed, let secret = session.takeResumptionSecret() {
            suspended.unanswered(secret)
        }
        outcome?.fail(failure)
        outcome = nil
        let hasStood = unconfirmed != nil
        if let unconfirmed { unconfirmed.backlog.leave(unconfirmed) }
        unconfirmed = nil
        isResuming = false
        confirmation?.cancel()
        if let endpoint {
            if endpoint.isOver || !host.suspends(endpoint, after: failure, address: origin.address) {
                endpoint.ended(reason: failure.words)
            }
            host.noteSighting(of: endpoint, proof)
            self.endpoint = nil
        } else if isInbound {
            guard !hasStood else { return }
            host.failed(
                failure, refusal: refusal, peer: claimed, address: origin.address.map { "\($0)" } ?? "")
        } else {
            host.kernel.metrics.handshakesFailed.add()
        }
    }

    /// Before anything authenticated, or where a tag fails, the address waits; inside records who has proven itself pays.
    private func charge(_ failure: SessionFailure) {
        let address = isInbound ? origin.address?.ip : nil
        if let address { host.gate.charge(address, for: failure, at: SystemClock.now()) }
        guard failure.isAuthenticated, let peer = (endpoint ?? unconfirmed)?.peer else { return }
        if let fault = SessionFault(failure, by: peer, from: address) { host.charge(fault) }
    }

    private func handshakeEnded() {
        if let counted = origin.counted { host.gate.ended(counted) }
        origin.counted = nil
    }
}

/// What is kept of a peer's certificate for as long as its session stands.
struct PeerProof {
    let bundleHash: [UInt8]
    let worker: UInt64
    let features: UInt64
    let notAfter: UnixTime

    /// Whether the node's workers take each other's sessions over.
    var resumesSessions: Bool { features & WorkerCertificate.resumesSessions != 0 }

    init(_ certificate: WorkerCertificate) {
        bundleHash = certificate.bundle.hash
        worker = certificate.worker
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
