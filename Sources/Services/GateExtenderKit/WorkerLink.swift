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
    /// Where the attachment stands; see ``Stand``.
    var stand = Stand.new
    /// Names the attachment to its worker.
    let number = UInt64.random(in: .min ... .max)
    /// What was sent and may not have come, and what came.
    var frames = AttachmentFrames()
    /// Whether the worker will soon be told what was taken of its frames.
    var isTelling = false
    private var witness: LinkWitness?
    private var streams: [UInt32: LinkedStream] = [:]
    private var nextAlias: UInt32 = 1
    private var touchedStreams: [LinkedStream] = []
    private var queuedStreams = CircularBuffer<LinkedStream>()
    private var isFlushDue = false
    /// Whether the worker understands that an attachment goes on over another link.
    private var isKeeping = false
    private var isInBatch = false
    var connects = PendingConnects()

    package init(core: ExtenderCore, eventLoop: any EventLoop) {
        self.core = core
        self.eventLoop = eventLoop
    }

    // MARK: from the kit

    var isWritable: Bool { isCarried && link?.isWritable ?? false }

    /// Gives a stream that this link carries from now on its number; `nil` where the link is closed or full.
    func enter(_ stream: LinkedStream) -> UInt32? {
        guard isAttached, streams.count < Self.streamsMax else { return nil }
        while streams[nextAlias] != nil { nextAlias &+= 2 }
        defer { nextAlias &+= 2 }
        streams[nextAlias] = stream
        witness?.entered(nextAlias, stream.session, stream.id)
        return nextAlias
    }

    /// The stream is over or goes on elsewhere: what still comes for its number means nothing.
    func leave(_ alias: UInt32) { streams[alias] = nil }

    func send(_ frame: LinkFrame) {
        guard isAttached else { return }
        if isKeeping { frames.sent(frame) }
        guard isCarried else { return }
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
        isKeeping = link.version >= LinkVersions.goingOn
        opened(over: link)
    }

    /// Another attachment begins; with `anew`, in place of one that does not go on.
    func begin(anew: Bool) {
        guard let link else { return }
        if anew {
            loseAll()
            frames = AttachmentFrames()
        }
        stand = .carried
        worker = link.attached?.worker ?? link.peer.name.name
        witness = core.witness.map { LinkWitness($0, worker: worker) }
        carried(by: link)
    }

    /// The link carries the attachment: connects may go there.
    func carried(by link: Link) {
        isOpen = true
        core.attached(self, node: link.attached?.node ?? link.peer.name.node)
    }

    package func received(_ frame: LinkFrame, on link: Link) {
        if case .goOn(let word) = frame { return answered(word, on: link) }
        guard isCarried else {
            return link.close(LinkGoAway(code: .protocolFault, reason: "a frame before the answer"))
        }
        isInBatch = true
        if isKeeping, frame.isCounted { frames.received(frame) }
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
        case .taken(let count):
            guard !frames.released(upTo: count) else { break }
            link.close(LinkGoAway(code: .protocolFault, reason: "more taken than was sent"))
        case .receipt, .refused, .goAway, .hello, .welcome, .ping, .pong, .attach, .attached, .connect, .request,
            .reply, .watchEvent, .cancel, .streamsResumed, .goOn:
            break  // the transport's own, or of no meaning to an extender
        }
    }

    package func batchCompleted(on link: Link) {
        endBatch()
        if isKeeping, let count = frames.word() {
            isFlushDue = true
            link.send(.taken(count: count))
        } else if isKeeping, frames.owesWord {
            tellLater()
        }
        flush()
    }

    /// What is left to say of frames that were taken.
    func tell() {
        isTelling = false
        guard isCarried, let link, let count = frames.lateWord() else { return }
        link.send(.taken(count: count))
        link.flush()
    }

    private func endBatch() {
        let batch = touchedStreams
        touchedStreams = []
        for stream in batch { stream.batchCompleted() }
        isInBatch = false
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

    /// The link is gone. It is waited for where it broke.
    package func linkClosed(_ link: Link, failure: LinkFailure?) {
        self.link = nil
        isOpen = false
        endBatch()
        core.detached(self)
        if !awaitsReturn(of: link, after: failure) { end() }
    }

    /// The attachment is over.
    func end() {
        stand = .over
        loseAll()
        frames = AttachmentFrames()
    }

    /// Sessions that can come back are suspended, the others and all on them are gone.
    private func loseAll() {
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
