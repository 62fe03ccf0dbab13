package import GateLink
import GateModel
package import NIOCore

/// One open link, on its event loop. Everything here is called on that loop only.
///
/// Subclasses move frames: ``ChannelLink`` over TLS, ``MemoryLink`` within the process.
package class Link {
    /// The one loop that this link lives on.
    package let eventLoop: any EventLoop
    /// Who is at the other end.
    package let peer: LinkPeer
    /// Whether this side dialled; it then opens streams with odd aliases, else with even ones.
    package let isDialled: Bool
    /// The version of the link protocol that both speak; 1 at the side that was dialled, which asks nobody for it.
    package let version: UInt32
    /// What the side that dialled may do.
    package let grant: LinkGrant
    /// As what an extender has attached; `nil` where the dialling side is none.
    package let attach: LinkAttach?
    /// The worker that took the attach; `nil` on its own side.
    package let attached: LinkAttached?
    /// Asks the other side; fails at once when the link is closed.
    package let requester: LinkRequester

    let delegate: (any LinkDelegate)?
    let desk: LinkRequestDesk
    private(set) var isOpen = false
    private var flushesSoon = false

    struct Terms {
        var isDialled: Bool
        var grant: LinkGrant
        var attach: LinkAttach?
        var attached: LinkAttached?
        /// How many requests the other side serves at once.
        var requestsMax: Int
        var version: UInt32 = 1
    }

    init(
        eventLoop: any EventLoop, peer: LinkPeer, terms: Terms, delegate: (any LinkDelegate)?,
        requester: LinkRequester, desk: LinkRequestDesk
    ) {
        self.eventLoop = eventLoop
        self.peer = peer
        isDialled = terms.isDialled
        version = terms.version
        grant = terms.grant
        attach = terms.attach
        attached = terms.attached
        self.delegate = delegate
        self.requester = requester
        self.desk = desk
        requestsMax = terms.requestsMax
    }

    private let requestsMax: Int

    /// Whether the other side keeps up. Senders of bulk stop while it is `false` and go on at `writabilityChanged`.
    package var isWritable: Bool { false }

    /// Encodes and queues a frame; it leaves with the next ``flush()``. Does nothing when closed.
    package final func send(_ frame: LinkFrame) {
        guard isOpen else { return }
        write(frame)
    }

    /// Lets everything queued leave. Once per batch, not once per frame.
    package func flush() {}

    /// Lets what is queued leave once the loop has run what waits for it now: of many callers at the same moment the frames
    /// go together.
    package final func flushSoon() {
        guard !flushesSoon else { return }
        flushesSoon = true
        eventLoop.assumeIsolated().execute { [self] in
            flushesSoon = false
            flush()
        }
    }

    /// Says why and closes. The delegate is told at once.
    package final func close(_ goAway: LinkGoAway) {
        guard isOpen else { return }
        write(.goAway(goAway))
        flush()
        // Before its handler is forgotten: whoever is told to leave and stays is left.
        disconnect()
        closed(failure: nil)
    }

    /// Ends the link without a word, as if its connection had broken: what is attached over it may go on over another.
    package final func drop() {
        guard isOpen else { return }
        sever()
        closed(failure: .connection("dropped here"))
    }

    func write(_ frame: LinkFrame) {}
    /// Disconnects at once; what waits on either side may be lost.
    func sever() { disconnect() }
    func disconnect() {}

    // MARK: What the subclasses report

    func opened() {
        isOpen = true
        requester.opened(self, requestsMax: requestsMax)
        desk.opened(self)
        delegate?.linkOpened(self)
    }

    /// Gives a frame to who waits for it; the fault, where it may not come.
    func dispatch(_ frame: LinkFrame) -> LinkFailure? {
        switch frame {
        case .ping(let token):
            write(.pong(token))
            flush()
        case .pong: break
        case .reply(let id, let reply): requester.received(reply, id: id)
        case .watchEvent(let id, let event): requester.received(event: event, id: id)
        case .request(let id, let request):
            guard desk.received(request, id: id, from: peer) else { return .protocolFault(frame.unexpected) }
        case .cancel(let id): desk.cancelled(id: id)
        case .goAway(let goAway): return .goneAway(goAway)
        case .hello, .welcome, .attach, .attached, .refused: return .protocolFault(frame.unexpected)
        case .drain, .peerEvent, .message, .receipt, .peerCredit, .connect, .connected, .connectFailed, .streamOpen,
            .streamData, .streamCredit, .streamAcknowledged, .streamFinish, .streamReset, .streamDone, .streamResume,
            .streamsResumed, .goOn, .taken:
            guard let delegate else { return .protocolFault(frame.unexpected) }
            delegate.received(frame, on: self)
        }
        return nil
    }

    func batchCompleted() {
        guard isOpen else { return }
        delegate?.batchCompleted(on: self)
        flush()
    }

    func writabilityChanged() {
        guard isOpen else { return }
        desk.writabilityChanged(isWritable)
        delegate?.writabilityChanged(on: self)
    }

    func closed(failure: LinkFailure?) {
        guard isOpen else { return }
        isOpen = false
        requester.closed(self)
        desk.closed()
        delegate?.linkClosed(self, failure: failure)
    }
}
