package import GateLink
package import GateLinkTransport
import GateModel
package import NIOCore

/// One replica of an extender attached to one kernel worker: streams and connects of that link. Sessions are the
/// replica's and move between its links, see ``ReplicaSessions``. Lives on the replica's event loop.
package final class WorkerLink {
    /// The most streams of one link at once.
    package static let streamsMax = 65_536

    package let eventLoop: any EventLoop
    let core: ExtenderCore
    private(set) var worker = ""
    /// Whether new sessions may begin here.
    private(set) var isOpen = false
    private var link: Link?
    private var witness: LinkWitness?
    private var streams: [UInt32: LinkedStream] = [:]
    private var nextAlias: UInt32 = 1
    private var touchedStreams: [LinkedStream] = []
    private var queuedStreams = CircularBuffer<LinkedStream>()
    private var isFlushDue = false
    private var isInBatch = false
    var connects = PendingConnects()

    package init(core: ExtenderCore, eventLoop: any EventLoop) {
        self.core = core
        self.eventLoop = eventLoop
    }

    // MARK: from the kit

    var isWritable: Bool { link?.isWritable ?? false }

    /// Gives a stream that this link carries from now on its number; `nil` where the link is closed or full.
    func enter(_ stream: LinkedStream) -> UInt32? {
        guard link != nil, streams.count < Self.streamsMax else { return nil }
        while streams[nextAlias] != nil { nextAlias &+= 2 }
        defer { nextAlias &+= 2 }
        streams[nextAlias] = stream
        witness?.entered(nextAlias, stream.session, stream.id)
        return nextAlias
    }

    /// The stream is over or goes on elsewhere: what still comes for its number means nothing.
    func leave(_ alias: UInt32) { streams[alias] = nil }

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

    func touched(_ stream: LinkedStream) { touchedStreams.append(stream) }

    func queue(_ stream: LinkedStream) {
        guard !stream.isQueued else { return }
        stream.isQueued = true
        queuedStreams.append(stream)
    }

    /// Whether the stream is taken; else it is reset.
    private func received(_ open: LinkStreamOpen, alias: UInt32) -> Bool {
        guard alias % 2 == 0, streams[alias] == nil, streams.count < Self.streamsMax else {
            return refuse(alias, .overloaded)
        }
        guard let session = core.sessions.session(open.session, carriedBy: self) else {
            return refuse(alias, .peerGone)
        }
        let stream = LinkedStream(accepting: open, alias: alias, on: session, over: self)
        guard session.accept(stream) else { return refuse(alias, .protocolBroken) }
        streams[alias] = stream
        witness?.entered(alias, stream.session, stream.id)
        let face = PeerStream(stream, core: core)
        guard core.offer(face) else {
            stream.reset(.overloaded)
            return false
        }
        stream.accepted()
        return true
    }

    private func refuse(_ alias: UInt32, _ code: StreamResetCode) -> Bool {
        send(.streamReset(alias: alias, code: code.rawValue))
        return false
    }
}

extension WorkerLink: LinkDelegate {
    package func linkOpened(_ link: Link) {
        self.link = link
        worker = link.attached?.worker ?? link.peer.name.name
        isOpen = true
        witness = core.witness.map { LinkWitness($0, worker: worker) }
        core.attached(self, node: link.attached?.node ?? link.peer.name.node)
    }

    package func received(_ frame: LinkFrame, on link: Link) {
        isInBatch = true
        switch frame {
        case .streamData(let alias, let bytes):
            let isTaken = streams[alias]?.received(bytes) ?? false
            witness?.bytes(bytes, alias, isTaken: isTaken)
        case .streamCredit(let alias, let limit): streams[alias]?.received(credit: limit)
        case .streamAcknowledged(let alias, let offset): streams[alias]?.received(acknowledged: offset)
        case .streamFinish(let alias):
            let isTaken = streams[alias]?.receivedFinish() ?? false
            witness?.finished(alias, isTaken: isTaken)
        case .streamReset(let alias, let code):
            streams[alias]?.received(reset: StreamResetCode(rawValue: code))
        case .streamDone(let alias): streams[alias]?.receivedDone()
        case .streamResume(let alias, let resume): streams[alias]?.resumed(resume.standing)
        case .streamOpen(let alias, let open):
            let isTaken = received(open, alias: alias)
            witness?.opened(open, isTaken: isTaken)
        case .message(let message):
            let isTaken = received(message)
            witness?.message(message, isTaken: isTaken)
        case .peerCredit(let credit):
            core.sessions.session(credit.session, carriedBy: self)?.received(limit: credit.limit)
        case .peerEvent(let event):
            witness?.named(event)
            let isTaken = core.sessions.received(event, from: self)
            witness?.event(event, isTaken: isTaken)
        case .connected(let success): connects.succeed(success)
        case .connectFailed(let failure): connects.fail(failure)
        case .drain:
            isOpen = false
            core.detached(self)
        case .receipt, .refused, .goAway, .hello, .welcome, .ping, .pong, .attach, .attached, .connect, .request,
            .reply, .watchEvent, .cancel, .streamsResumed:
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
            guard stream.isCarried(by: self) else { continue }
            stream.isQueued = false
            stream.pump()
        }
        flush()
    }

    /// The link is gone. Sessions that can come back are suspended, the others and all on them are gone too.
    package func linkClosed(_ link: Link, failure: LinkFailure?) {
        self.link = nil
        isOpen = false
        isInBatch = false
        core.detached(self)
        connects.failAll()
        core.sessions.closed(self)
        streams = [:]
        queuedStreams.removeAll()
        touchedStreams = []
    }

    /// Whether the message is taken.
    private func received(_ message: LinkMessage) -> Bool {
        guard let session = core.sessions.session(message.session, carriedBy: self) else { return false }
        let face = PeerMessage(
            session: PeerSession(id: session.id, peer: session.peer, core: core), payload: message.payload,
            priority: message.priority)
        let count = message.payload.readableBytes
        if core.offer(PeerMessage.Received(message: face, epoch: session.epoch)) { return true }
        session.consumed(count, in: session.epoch)
        return false
    }
}
