import GateLink
import GateModel
import NIOCore

/// A link over a channel. Small frames are gathered in one buffer until the flush; large payloads go as they are.
final class ChannelLink: Link {
    /// Payloads from here on are cheaper as a write of their own than copied.
    static let gatheredBytesMax = 4096

    private var handler: LinkChannelHandler?

    init(
        handler: LinkChannelHandler, eventLoop: any EventLoop, peer: LinkPeer, terms: Terms,
        delegate: (any LinkDelegate)?, requester: LinkRequester, desk: LinkRequestDesk
    ) {
        self.handler = handler
        super.init(
            eventLoop: eventLoop, peer: peer, terms: terms, delegate: delegate, requester: requester, desk: desk)
    }

    override var isWritable: Bool { isOpen && handler?.isWritable == true }
    override func write(_ frame: LinkFrame) { handler?.write(frame) }
    override func flush() { handler?.flushFrames() }

    override func disconnect() {
        handler?.disconnect()
        handler = nil
    }

    override func closed(failure: LinkFailure?) {
        super.closed(failure: failure)
        handler = nil
    }
}
