import GateModel
import GateSession
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore

/// Sessions that go on over another connection, here or at another worker.
extension SessionHost {
    /// How long a peer that wants to go on waits for the database here.
    static let takeoverTime = TimeAmount(WorkerRegistry.resumePatience + .seconds(1))

    /// Pause before work that there was no room for is asked for again.
    static let crowdedPause = TimeAmount.milliseconds(100)

    /// The answer to a peer that wants to go on with a session. Told on `eventLoop`, always.
    func resume(
        _ proof: ResumptionProof, with peer: NodeUUID, secret: [UInt8], on eventLoop: any EventLoop,
        _ answer: @escaping @Sendable (WorkerRegistry.Takeover) -> Void
    ) {
        guard resumesSessions else { return answer(.refused) }
        let registry = secret.isEmpty ? nil : registry
        let isAsked = kernel.spawn { [kernel] in
            let outcome = await registry?.resume(proof, with: peer, secret: secret) ?? .unanswered
            if case .unanswered = outcome {
                kernel.logger.notice(
                    "Whether a session may go on is not known: the database did not answer",
                    metadata: ["session": "\(proof.session)", "peer": "\(peer)"])
            }
            eventLoop.execute { answer(outcome) }
        }
        if !isAsked { eventLoop.execute { answer(.unanswered) } }
    }

    /// The database gave a session to this worker, but its peer's connection has broken: the row goes when the peer does
    /// not come back in time.
    func abandoned(_ stand: SessionStand, on eventLoop: any EventLoop) {
        let window = TimeAmount(table.settings[NodeSettings.resumeWindow])
        eventLoop.scheduleTask(in: window) { [kernel] in kernel.abandoned(stand) }
    }

    /// A session goes on: it is entered in place of what was here of it, and told what we have. `.late` where a newer
    /// connection carries it.
    func resumed(_ session: SessionEndpoint, _ proof: PeerProof?, shown: WorkerCredentials?) -> KernelState.Return {
        guard case .stands = kernel.resumed(session) else { return .late }
        kernel.metrics.sessionsResumed.add()
        kernel.logger.info(
            "Session resumed",
            metadata: ["session": "\(session.id)", "peer": "\(session.peer.text)", "epoch": "\(session.epoch)"])
        session.tell(extenders: kernel.extenders)
        noteSighting(of: session, proof)
        tellIfRenewed(session, since: shown)
        // A rule or ban that came between admission and now found no session to close.
        if !mayStay(session) { session.eventLoop.execute { session.close(.notAllowed) } }
        return .stands
    }

    /// A session's connection broke: `true` where it may go on, which is then waited for or, where we dialled, tried.
    func suspends(_ session: SessionEndpoint, after failure: SessionFailure, address: SocketAddress?) -> Bool {
        guard session.way.isResumable, failure.maySuspend, kernel.maySuspend(session, table.settings) else {
            return false
        }
        var suspended: SuspendedSession?
        if !session.isInbound {
            guard let node = session.peer.node, let address, let secret = session.takeResumptionSecret() else {
                return false
            }
            suspended = SuspendedSession(session, with: node, at: address, secret: secret)
        }
        kernel.logger.info(
            "Session suspended", metadata: ["session": "\(session.id)", "reason": "\(failure.words)"])
        kernel.suspended(session, reason: failure.words)
        awaitReturn(of: session)
        if let suspended, let resumer { resume(suspended, by: resumer) }
        return true
    }

    /// Has the session dialled for; where too much work waits, a moment later.
    private func resume(_ suspended: SuspendedSession, by resumer: Connector) {
        guard kernel.isSuspended(suspended.endpoint) else { return }
        guard !kernel.spawn({ await resumer.resume(suspended) }) else { return }
        suspended.eventLoop.scheduleTask(in: SessionHost.crowdedPause) { [self] in resume(suspended, by: resumer) }
    }

    private func awaitReturn(of session: SessionEndpoint) {
        let window = TimeAmount(table.settings[NodeSettings.resumeWindow])
        session.eventLoop.scheduleTask(in: window) { [kernel] in kernel.giveUp(session) }
    }
}

extension SessionFailure {
    /// Whether a session may go on over another connection after this: its way broke, or its worker left.
    fileprivate var maySuspend: Bool {
        switch self {
        case .closedByPeer(.goingAway), .closed(.goingAway), .closedByPeer(.idle), .idle, .keyUpdateTimedOut,
            .recordRefused:
            true
        case .unintelligible, .handshakeFailed, .noCommonVersion, .noCommonSuite, .puzzleUnsolved, .puzzleTooHard,
            .certificateRefused, .notAdmitted, .handshakeTimedOut, .protocolViolation, .limitExceeded, .closedByPeer,
            .closed:
            false
        }
    }
}
