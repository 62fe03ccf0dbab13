package import GateLink
package import GateLinkTransport
import GateModel
package import NIOCore

/// One replica of an extender attached to one kernel worker: sessions, streams and connects of that link. Lives on the
/// link's event loop.
package final class WorkerLink {
    /// The most streams of one link at once.
    package static let streamsMax = 65_536

    package let eventLoop: any EventLoop
    let core: ExtenderCore
    private(set) var worker = ""
    /// Whether new sessions may begin here.
    private(set) var isOpen = false
    private var link: Link?
    private var streams: [UInt32: LinkedStream] = [:]
    private var nextAlias: UInt32 = 1
    private var touchedStreams: [LinkedStream] = []
    private var queuedStreams = CircularBuffer<LinkedStream>()
    private var isFlushDue = false
    private var isInBatch = false
    var sessions: [SessionID: LinkedSession] = [:]
    var connects = PendingConnects()

    package init(core: ExtenderCore, eventLoop: any EventLoop) {
        self.core = core
        self.eventLoop = eventLoop
    }

    // MARK: from the kit

    var isWritable: Bool { link?.isWritable ?? false }

    /// Opens a stream; throws where the link is closed or full.
    func openStream(on session: SessionID, peer: PeerIdentity, priority: Priority) throws(ExtenderFailure)
        -> LinkedStream
    {
        guard link != nil else { throw ExtenderFailure(.sessionEnded) }
        guard streams.count < Self.streamsMax else { throw ExtenderFailure(.overloaded) }
        while streams[nextAlias] != nil { nextAlias &+= 2 }
        let open = LinkStreamOpen(
            id: core.nextStreamID(), extender: core.extender, session: session, peer: peer.name, priority: priority,
            credit: core.limits.streamWindow)
        let stream = LinkedStream(
            open: open, alias: nextAlias, machine: ExtenderStream(openingWithWindow: core.limits.streamWindow),
            link: self)
        streams[nextAlias] = stream
        send(.streamOpen(alias: nextAlias, open))
        nextAlias &+= 2
        return stream
    }

    func send(_ frame: LinkFrame) {
        isFlushDue = true
        link?.send(frame)
    }

    /// Writes what was sent; within a batch once, at its end.
    func flush() {
        guard isFlushDue, !isInBatch else { return }
        isFlushDue = false
        link?.flush()
    }

    func endStreams(of session: SessionID) {
        for stream in streams.values where stream.session == session { stream.received(reset: .peerGone) }
    }

    func touched(_ stream: LinkedStream) { touchedStreams.append(stream) }

    func queue(_ stream: LinkedStream) {
        guard !stream.isQueued else { return }
        stream.isQueued = true
        queuedStreams.append(stream)
    }

    func settled(_ stream: LinkedStream) { streams[stream.alias] = nil }

    private func received(_ open: LinkStreamOpen, alias: UInt32) {
        guard alias % 2 == 0, streams[alias] == nil, streams.count < Self.streamsMax else {
            return send(.streamReset(alias: alias, code: StreamResetCode.overloaded.rawValue))
        }
        let machine = ExtenderStream(acceptingCredit: open.credit, window: core.limits.streamWindow)
        let stream = LinkedStream(open: open, alias: alias, machine: machine, link: self)
        streams[alias] = stream
        let face = PeerStream(stream, on: self, core: core)
        if core.offer(face) {
            stream.accepted()
        } else {
            stream.reset(.overloaded)
        }
    }
}

extension WorkerLink: LinkDelegate {
    package func linkOpened(_ link: Link) {
        self.link = link
        worker = link.attached?.worker ?? link.peer.name.name
        isOpen = true
        core.attached(self, node: link.attached?.node ?? link.peer.name.node)
    }

    package func received(_ frame: LinkFrame, on link: Link) {
        isInBatch = true
        switch frame {
        case .streamData(let alias, let bytes): streams[alias]?.received(bytes)
        case .streamCredit(let alias, let limit): streams[alias]?.received(credit: limit)
        case .streamAcknowledged(let alias, let offset): streams[alias]?.received(acknowledged: offset)
        case .streamFinish(let alias): streams[alias]?.receivedFinish()
        case .streamReset(let alias, let code):
            streams[alias]?.received(reset: StreamResetCode(rawValue: code))
        case .streamOpen(let alias, let open): received(open, alias: alias)
        case .message(let message): received(message)
        case .peerCredit(let credit): received(credit)
        case .peerEvent(let event): received(event)
        case .connected(let success): connects.succeed(success)
        case .connectFailed(let failure): connects.fail(failure)
        case .drain:
            isOpen = false
            core.detached(self)
        case .receipt, .refused, .goAway, .hello, .welcome, .ping, .pong, .attach, .attached, .connect, .request,
            .reply, .watchEvent, .cancel:
            break  // the transport's own, or of no meaning to an extender
        }
    }

    package func batchCompleted(on link: Link) {
        let batch = touchedStreams
        touchedStreams = []
        for stream in batch { stream.batchCompleted() }
        isInBatch = false
        flush()
    }

    /// The socket takes more: waiting streams go on in turn.
    package func writabilityChanged(on link: Link) {
        var turns = queuedStreams.count
        while turns > 0, isWritable, let stream = queuedStreams.popFirst() {
            turns -= 1
            stream.isQueued = false
            stream.pump()
        }
        flush()
    }

    /// The link is gone and everything on it.
    package func linkClosed(_ link: Link, failure: LinkFailure?) {
        self.link = nil
        isOpen = false
        isInBatch = false
        core.detached(self)
        connects.failAll()
        for stream in streams.values { stream.received(reset: .peerGone) }
        streams = [:]
        for (id, session) in sessions {
            session.fail()
            core.report(.disconnected, session.peer, id, self, session.isRelayed, false)
        }
        sessions = [:]
        queuedStreams.removeAll()
        touchedStreams = []
    }
}
