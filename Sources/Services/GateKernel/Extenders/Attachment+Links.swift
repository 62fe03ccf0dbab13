import GateLink
import GateLinkTransport
import GateModel
import NIOCore

/// The links that an attachment goes over, one after the other.
///
///     carried ──link breaks──▶ waiting ──goOn(over:after:)──▶ carried
///        └──link closes────────────┴──``returnTime``──▶ over
extension Attachment {
    /// How long a replica whose link broke has to come back before its streams are reset: below 2 s, for it may be dead,
    /// and above a second, after which TCP tries a lost first packet again.
    static let returnTime = TimeAmount.milliseconds(1500)

    /// The attachment is new: the replica hears of every session that stands.
    func begin() {
        if let number { wire?.send(.goOn(LinkGoOn(isGoing: false, attachment: number, taken: 0))) }
        kernel.attach(self)
        wire?.flush()
    }

    /// A frame came over a link; one of a link that is not the attachment's any more has no effect.
    func received(_ frame: LinkFrame, over wire: AttachmentWire) {
        guard wire === self.wire else { return }
        if case .taken(let count) = frame {
            if !frames.released(upTo: count) { breakOff(frame) }
            return
        }
        if number != nil, frame.isCounted { frames.received(frame) }
        received(frame)
    }

    /// The replica has a new link. `false` where the attachment can't go on over it, since more is missing than was kept.
    func goOn(over wire: AttachmentWire, after taken: UInt64) -> Bool {
        guard !isOver, let number, frames.goesOn(after: taken) else { return false }
        let before = self.wire
        use(wire)
        before?.drop()  // the replica saw it break, this side did not
        wire.send(.goOn(LinkGoOn(isGoing: true, attachment: number, taken: frames.takenCount)))
        for frame in frames.unconfirmed { wire.send(frame) }
        kernel.goesOn(self)
        wire.flush()
        return true
    }

    /// A link is gone: the replica may come back, or is gone, too.
    func lost(_ wire: AttachmentWire, _ failure: LinkFailure?) {
        guard wire === self.wire else { return }
        use(nil)
        guard number != nil, failure?.isBreak == true, kernel.waits(for: self) else { return kernel.detach(self) }
        ending = eventLoop.assumeIsolated().scheduleTask(in: Attachment.returnTime) { [self] in kernel.detach(self) }
    }

    /// Has the replica attach anew, and go on where it can: no frame takes a drain back.
    func renew() {
        if number != nil { return wire?.drop() ?? () }
        wire?.close(LinkGoAway(code: .stopping, reason: "draining is over; attach again"))
    }

    private func breakOff(_ frame: LinkFrame) {
        wire?.close(LinkGoAway(code: .protocolFault, reason: "\(LinkFailure.protocolFault(frame.unexpected))"))
    }

    /// Tells the replica what was taken of its frames, a while after the first of them.
    func tellLater() {
        guard !isTelling else { return }
        isTelling = true
        eventLoop.assumeIsolated().scheduleTask(in: AttachmentFrames.wordPause) { [weak self] in
            guard let self else { return }
            isTelling = false
            guard let wire, let count = frames.lateWord() else { return }
            wire.send(.taken(count: count))
            wire.flush()
        }
    }
}
