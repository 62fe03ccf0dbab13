import GateLink
import GateModel
import NIOCore

/// Every session that a replica knows, and which of its links carries it. Lives on the replica's event loop.
///
/// Several workers may speak of one session, since it moves between them and a worker that was superseded may not know.
/// The highest epoch that any has named counts: what a link says of a lower one has no effect, and messages and opens
/// are taken from the one link that carries the session.
final class ReplicaSessions {
    private var sessions: [SessionID: LinkedSession] = [:]
    /// The epochs of sessions that are over and were taken over at some time, so that a stale worker can't revive them.
    private var endedEpochs: [SessionID: SessionEpoch] = [:]
    private var endedOrder = CircularBuffer<SessionID>()
    private var random = SystemRandomNumberGenerator()
    private let holdings: StreamHoldings

    /// The most sessions that are over and remembered.
    static let endedMax = 1024

    init(holdings: StreamHoldings) { self.holdings = holdings }

    subscript(id: SessionID) -> LinkedSession? { sessions[id] }

    /// The session, where this link carries it.
    func session(_ id: SessionID, carriedBy link: WorkerLink) -> LinkedSession? {
        guard let session = sessions[id], session.isCarried(by: link) else { return nil }
        return session
    }

    // MARK: from links

    /// Whether what the link says of a session has an effect.
    func received(_ event: LinkPeerEvent, from link: WorkerLink) -> Bool {
        let known = sessions[event.session]
        if let epoch = known?.epoch ?? endedEpochs[event.session], event.epoch < epoch { return false }
        switch event.change {
        case .connected, .resumed:
            if let known { return goesOn(known, event, on: link) }
            begins(event, on: link)
        case .suspended:
            guard let known, known.isCarried(by: link) else { return false }
            suspend(known, link.core)
        case .extendersChanged:
            guard let known, known.isCarried(by: link) else { return false }
            known.hasExtender = event.extenders.contains(link.core.extender)
            link.core.report(.extendersChanged, known)
        case .disconnected:
            guard let known, known.link == nil || known.isCarried(by: link) || event.epoch > known.epoch else {
                return false
            }
            end(known, link.core)
        }
        return true
    }

    /// A link is gone: what it carried may come back over another, or is gone with it.
    func closed(_ link: WorkerLink) {
        for session in Array(sessions.values) where session.isCarried(by: link) {
            if session.isResumable { suspend(session, link.core) } else { end(session, link.core) }
        }
    }

    private func begins(_ event: LinkPeerEvent, on link: WorkerLink) {
        let session = LinkedSession(
            event, half: random.next(), window: link.core.limits.messageWindow, within: holdings,
            eventLoop: link.eventLoop)
        sessions[event.session] = session
        session.hasExtender = event.extenders.contains(link.core.extender)
        session.stand(on: link, as: event)
        link.core.report(.connected, session)
    }

    private func goesOn(_ session: LinkedSession, _ event: LinkPeerEvent, on link: WorkerLink) -> Bool {
        if event.epoch == session.epoch {
            // Its link broke and its worker lives: that worker has reset the streams.
            guard session.link == nil, event.change == .connected else { return false }
            session.loseStreams()
        } else if session.link != nil {
            suspend(session, link.core)
        }
        session.stand(on: link, as: event)
        link.core.report(.resumed, session)
        return true
    }

    private func suspend(_ session: LinkedSession, _ core: ExtenderCore) {
        session.suspend()
        core.report(.suspended, session)
        session.suspension = session.eventLoop.assumeIsolated().scheduleTask(
            in: TimeAmount(core.limits.suspensionTime)
        ) { [weak self, weak session, weak core] in
            guard let self, let session, let core else { return }
            end(session, core)
        }
    }

    private func end(_ session: LinkedSession, _ core: ExtenderCore) {
        sessions[session.id] = nil
        if session.epoch > 0 { remember(session) }
        session.end()
        core.report(.disconnected, session)
    }

    private func remember(_ session: LinkedSession) {
        if endedEpochs.updateValue(session.epoch, forKey: session.id) == nil { endedOrder.append(session.id) }
        if endedOrder.count > Self.endedMax, let oldest = endedOrder.popFirst() { endedEpochs[oldest] = nil }
    }
}
