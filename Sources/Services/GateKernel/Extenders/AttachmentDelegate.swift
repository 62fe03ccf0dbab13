import GateLink
import GateLinkTransport
import Logging
import NIOCore

/// Takes an extender's frames from a link to its attachment: a new one, or one that goes on. On the link's loop.
///
///     opened ──no capability, or goOn(not)──▶ attached ──closed──▶ over
///        └──goOn──▶ deciding ──goes on──▶ attached
///                      └──does not──▶ attached (anew)
final class AttachmentDelegate: LinkDelegate {
    private let kernel: KernelState
    private var attachment: Attachment?
    private var wire: AttachmentWire?
    /// Whether attachment and link share a loop.
    private var isNear = true
    private var isDeciding = false
    /// Frames that wait for the attachment: the read's, where it lives on another loop, or all until it is decided.
    private var batch: [LinkFrame] = []
    private var isClosed = false

    /// Frames that may come before it is decided whether an attachment goes on.
    static let undecidedMax = 64

    init(kernel: KernelState) { self.kernel = kernel }

    func linkOpened(_ link: Link) {
        guard let attach = link.attach, !attach.capabilities.contains(LinkAttach.goesOn) else { return }
        begin(attach, number: nil, on: link)
    }

    func received(_ frame: LinkFrame, on link: Link) {
        if isDeciding {
            guard batch.count < AttachmentDelegate.undecidedMax else { return unexpected(frame, on: link) }
            batch.append(frame)
        } else if let attachment, let wire {
            if isNear { attachment.received(frame, over: wire) } else { batch.append(frame) }
        } else if case .goOn(let word) = frame, let attach = link.attach {
            decide(word, attach, on: link)
        } else {
            unexpected(frame, on: link)
        }
    }

    func batchCompleted(on link: Link) {
        guard let attachment, let wire, !isDeciding else { return }
        if isNear { attachment.batchEnded() } else { handOver(to: attachment, wire) }
    }

    func writabilityChanged(on link: Link) {}

    func linkClosed(_ link: Link, failure: LinkFailure?) {
        isClosed = true
        guard let attachment, let wire else { return }
        kernel.logger.info(
            "Extender's link closed",
            metadata: [
                "extender": "\(attachment.extender)", "link": "\(link.peer.name)",
                "reason": "\(failure.map { "\($0)" } ?? "closed here")",
            ])
        if isNear { return attachment.lost(wire, failure) }
        attachment.eventLoop.execute { attachment.lost(wire, failure) }
    }

    // MARK: Which attachment

    private func begin(_ attach: LinkAttach, number: UInt64?, on link: Link) {
        let wire = AttachmentWire(link, for: link.eventLoop)
        let attachment = Attachment(
            attach, number: number, linkName: link.peer.name, eventLoop: link.eventLoop, wire: wire, kernel: kernel)
        self.wire = wire
        self.attachment = attachment
        kernel.logger.info(
            "Extender attached", metadata: ["extender": "\(attach.extender)", "link": "\(link.peer.name)"])
        attachment.begin()
    }

    /// The replica says whether it has an attachment here that may go on.
    private func decide(_ word: LinkGoOn, _ attach: LinkAttach, on link: Link) {
        guard word.isGoing, let held = kernel.attachment(attach, number: word.attachment, of: link.peer.name) else {
            return begin(attach, number: word.attachment, on: link)
        }
        isDeciding = true
        let wire = AttachmentWire(link, for: held.eventLoop)
        let own = NIOLoopBound((self, link), eventLoop: link.eventLoop)
        let linkLoop = link.eventLoop
        held.eventLoop.execute { [kernel] in
            let goesOn = held.goOn(over: wire, after: word.taken)
            if !goesOn { kernel.detach(held) }
            linkLoop.execute {
                let (delegate, link) = own.value
                delegate.decided(goesOn ? held : nil, wire, word, attach, on: link)
            }
        }
    }

    private func decided(
        _ held: Attachment?, _ wire: AttachmentWire, _ word: LinkGoOn, _ attach: LinkAttach, on link: Link
    ) {
        isDeciding = false
        guard let held else {
            batch = []
            return isClosed ? () : begin(attach, number: word.attachment, on: link)
        }
        attachment = held
        self.wire = wire
        isNear = held.eventLoop === link.eventLoop
        kernel.logger.info(
            "Extender's link goes on", metadata: ["extender": "\(attach.extender)", "link": "\(link.peer.name)"])
        handOver(to: held, wire)
        guard isClosed else { return }
        held.eventLoop.execute { held.lost(wire, .connection("closed while it was attached again")) }
    }

    private func handOver(to attachment: Attachment, _ wire: AttachmentWire) {
        guard !batch.isEmpty else { return }
        let frames = batch
        batch.removeAll(keepingCapacity: true)
        attachment.eventLoop.execute {
            for frame in frames { attachment.received(frame, over: wire) }
            attachment.batchEnded()
        }
    }

    private func unexpected(_ frame: LinkFrame, on link: Link) {
        guard !isClosed else { return }
        link.close(LinkGoAway(code: .protocolFault, reason: "\(LinkFailure.protocolFault(frame.unexpected))"))
    }
}
