import GateLink
import GateModel
import GateWire

/// What a replica is told of sessions.
extension Attachment {
    /// Tells the replica what became of a session, or what came over it.
    func take(_ notice: ToLink.Notice, of session: SessionEndpoint) {
        switch notice {
        case .message(let message):
            send(
                .message(
                    LinkMessage(
                        id: message.id, extender: extender, session: session.id, priority: message.priority,
                        wantsReceipt: message.flags.contains(.receiptWanted), payload: message.payload)))
        case .receipt(let id, let status):
            send(.receipt(LinkReceipt(id: id, session: session.id, status: Attachment.status(status))))
        case .extenders(let list): send(event(.extendersChanged, session, extenders: list))
        case .credit(let limit):
            outlet(to: session).limit = limit
            send(.peerCredit(LinkPeerCredit(session: session.id, limit: limit)))
        case .connected: begin(session, .connected)
        case .resumed: begin(session, .resumed)
        case .suspended(let reason):
            for (alias, stream) in streams where stream.bridge.session === session { forget(alias) }
            leave(session)
            send(event(.suspended, session, reason: reason))
        case .disconnected(let reason):
            for (alias, stream) in streams where stream.bridge.session === session {
                send(.streamReset(alias: alias, code: StreamResetCode.peerGone.rawValue))
                forget(alias)
            }
            leave(session)
            send(event(.disconnected, session, reason: reason))
        }
    }

    /// Credit for messages begins anew with each epoch.
    private func begin(_ session: SessionEndpoint, _ change: LinkPeerEvent.Change) {
        outlets[session.id] = nil
        send(event(change, session))
        send(.peerCredit(LinkPeerCredit(session: session.id, limit: SessionEndpoint.extenderWindowBytes)))
    }

    private func leave(_ session: SessionEndpoint) {
        if outlets[session.id]?.session === session { outlets[session.id] = nil }
    }

    private func event(
        _ change: LinkPeerEvent.Change, _ session: SessionEndpoint, extenders: [ExtenderID] = [], reason: String = ""
    ) -> LinkFrame {
        .peerEvent(
            LinkPeerEvent(
                change: change, session: session.id, peer: session.peer, isRelayed: session.isRelayed,
                extenders: extenders.filter { $0 == extender }, reason: reason, epoch: session.epoch,
                isResumable: session.way.isResumable && session.isInbound))
    }

    private static func status(_ status: ReceiptStatus) -> LinkReceipt.Status {
        switch status {
        case .delivered: .delivered
        case .noSuchExtender: .noExtender
        case .queueFull: .overloaded
        default: .refused
        }
    }
}
