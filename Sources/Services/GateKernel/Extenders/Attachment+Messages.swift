import GateLink
import GateModel
import GateTransport
import GateWire
import NIOCore

/// Messages and receipts of a replica.
extension Attachment {
    func send(_ message: LinkMessage) {
        guard message.extender == extender else { return }
        guard let session = kernel.session(message.session) else { return answer(message, .noSession) }
        guard message.payload.readableBytes <= StreamLimits.messageBytesMax else {
            return send(.receipt(LinkReceipt(id: message.id, session: message.session, status: .refused)))
        }
        let isDelayed = message.delayMilliseconds > 0
        let outlet = outlet(to: session)
        let byteCount = message.payload.readableBytes
        guard !isDelayed || delayed.hasRoom(for: byteCount), count(byteCount, outlet) else {
            return send(.receipt(LinkReceipt(id: message.id, session: message.session, status: .overloaded)))
        }
        if isDelayed { hold(message, in: session.epoch) } else { outlet.outlet.append(.message(message.forPeer)) }
        answer(message, .queued)
    }

    func send(_ receipt: LinkReceipt) {
        guard let session = kernel.session(receipt.session) else { return }
        let status: ReceiptStatus =
            switch receipt.status {
            case .queued, .sent, .delivered: .delivered
            case .noSession, .noExtender: .noSuchExtender
            case .overloaded: .queueFull
            case .refused: .refused
            }
        outlet(to: session).outlet.append(.receipt(receipt.id, status))
    }

    private func answer(_ message: LinkMessage, _ status: LinkReceipt.Status) {
        guard message.wantsReceipt else { return }
        send(.receipt(LinkReceipt(id: message.id, session: message.session, status: status)))
    }

    /// Counts bytes towards a session; `false` where they exceed what was granted.
    private func count(_ bytes: Int, _ outlet: SessionOutlet) -> Bool {
        outlet.sent += UInt64(bytes)
        return outlet.sent <= outlet.limit
    }

    // MARK: Delays

    /// Holds a message back for a random time of at most what its sender allows.
    private func hold(_ message: LinkMessage, in epoch: SessionEpoch) {
        let delay = Duration.milliseconds(UInt32.random(in: 0...message.delayMilliseconds))
        delayed.hold(message, in: epoch, until: SystemClock.now() + delay)
        scheduleDelayed()
    }

    private func scheduleDelayed() {
        guard let due = delayed.nextDue, due < delayTimerDue else { return }
        delayTimer?.cancel()
        delayTimerDue = due
        let left = max(due.nanoseconds - SystemClock.now().nanoseconds, 0)
        delayTimer = eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(left)) { [weak self] in
            self?.sendDelayed()
        }
    }

    private func sendDelayed() {
        delayTimerDue = MonotonicInstant(nanoseconds: .max)
        let now = SystemClock.now()
        while let held = delayed.takeDue(at: now) {
            guard let session = kernel.session(held.message.session), session.epoch == held.epoch else {
                answer(held.message, .noSession)
                continue
            }
            outlet(to: session).outlet.append(.message(held.message.forPeer))
        }
        batchEnded()
        scheduleDelayed()
    }

    /// What is held back goes with the replica.
    func dropDelayed() {
        delayTimer?.cancel()
        delayTimer = nil
        delayed = DelayedMessages()
    }
}

extension LinkMessage {
    /// The message as it goes to the peer.
    fileprivate var forPeer: ExtenderMessage {
        var flags: ExtenderMessage.Flags = []
        if wantsReceipt { flags.insert(.receiptWanted) }
        if priority == .interactive { flags.insert(.interactive) }
        if compresses { flags.insert(.compressed) }
        return ExtenderMessage(extender: extender, id: id, flags: flags, payload: payload)
    }
}
