import GateLink
import GateLinkTransport
import Logging

/// Takes an extender's frames to its attachment, from the link's opening to its end. On the link's loop.
final class AttachmentDelegate: LinkDelegate {
    private let kernel: KernelState
    private var attachment: Attachment?

    init(kernel: KernelState) { self.kernel = kernel }

    func linkOpened(_ link: Link) {
        guard let attach = link.attach else { return }
        let attachment = Attachment(
            extender: attach.extender, replica: attach.replica, name: attach.name, link: link, kernel: kernel)
        self.attachment = attachment
        kernel.logger.info(
            "Extender attached", metadata: ["extender": "\(attach.extender)", "link": "\(link.peer.name)"])
        kernel.attach(attachment)
    }

    func received(_ frame: LinkFrame, on link: Link) { attachment?.received(frame) }

    func batchCompleted(on link: Link) { attachment?.batchEnded() }

    func writabilityChanged(on link: Link) {}

    func linkClosed(_ link: Link, failure: LinkFailure?) {
        guard let attachment else { return }
        self.attachment = nil
        kernel.logger.info(
            "Extender detached",
            metadata: [
                "extender": "\(attachment.extender)", "link": "\(link.peer.name)",
                "reason": "\(failure.map { "\($0)" } ?? "closed here")",
            ])
        kernel.detach(attachment)
    }
}
