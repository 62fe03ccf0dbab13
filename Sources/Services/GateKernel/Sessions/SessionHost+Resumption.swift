import GateModel
import GateSession
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore

/// Sessions that go on over another connection, here or at another worker.
extension SessionHost {
    /// The answer to a peer that wants to go on with a session: its epoch from now on; `nil` where it may not. Told on
    /// `eventLoop`.
    func resume(
        _ proof: ResumptionProof, with peer: NodeUUID, secret: [UInt8], on eventLoop: any EventLoop,
        _ answer: @escaping @Sendable (SessionEpoch?) -> Void
    ) {
        guard resumesSessions, !secret.isEmpty, let registry = registry else { return answer(nil) }
        kernel.spawn { [kernel] in
            let epoch = await registry.resume(proof, with: peer, secret: secret)
            if epoch == nil { kernel.logger.info("A session may not go on", metadata: ["session": "\(proof.session)"]) }
            eventLoop.execute { answer(epoch) }
        }
    }

    /// A session goes on: it is entered in place of what was here of it, and told what we have.
    func resumed(_ session: SessionEndpoint, _ proof: PeerProof?) {
        kernel.resumed(session)
        kernel.metrics.sessionsResumed.add()
        kernel.logger.info(
            "Session resumed",
            metadata: ["session": "\(session.id)", "peer": "\(session.peer.text)", "epoch": "\(session.epoch)"])
        session.tell(extenders: kernel.extenders)
        noteSighting(of: session, proof)
        // A rule or ban that came between admission and now found no session to close.
        if !mayStay(session) { session.eventLoop.execute { session.close(.notAllowed) } }
    }

    /// A session's connection broke: `true` where it may go on, which is then waited for or, where we dialled, tried.
    func suspends(_ session: SessionEndpoint, after failure: SessionFailure, address: SocketAddress?) -> Bool {
        guard session.way.isResumable, failure.maySuspend, kernel.maySuspend(table.settings) else { return false }
        var suspended: SuspendedSession?
        if !session.isInbound {
            guard let node = session.peer.node, let address, let secret = session.takeResumptionSecret() else {
                return false
            }
            suspended = SuspendedSession(session, with: node, at: address, secret: secret)
        }
        kernel.logger.info(
            "Session suspended", metadata: ["session": "\(session.id)", "reason": "\(SessionHost.words(failure))"])
        kernel.suspended(session, reason: SessionHost.words(failure))
        awaitReturn(of: session)
        if let suspended, let resumer { kernel.spawn { await resumer.resume(suspended) } }
        return true
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
        case .closedByPeer(.goingAway), .closed(.goingAway), .closedByPeer(.idle), .idle, .recordRefused: true
        case .unintelligible, .handshakeFailed, .noCommonSuite, .certificateRefused, .notAdmitted, .handshakeTimedOut,
            .protocolViolation, .limitExceeded, .closedByPeer, .closed:
            false
        }
    }
}
