import GateLink
package import GateModel
package import NIOCore

/// One stream of a session: its machine, what waits to be sent, what may have to be sent again, and who takes what comes.
/// Lives on the replica's event loop and outlives the links that carry it.
///
///     unopened ──begin(on:)──▶ carried ◀──resume(on:), then resumed(_:)── suspended
///                                 └───────────────suspend()──────────────────▲
package final class LinkedStream: StreamPort {
    package let id: StreamID
    package let session: SessionID
    package let peer: PeerIdentity
    /// Whether this node's operator allowed the peer by its UUID, as the kernel said at the open.
    package let isPeerAllowed: Bool
    /// Who takes what comes.
    package var sink: (any StreamSink)?

    private(set) package var machine: ExtenderStream
    private let priority: Priority
    private let isOpenedHere: Bool
    private let limits: ExtenderLimits
    private weak var owner: LinkedSession?
    private weak var link: WorkerLink?
    /// The stream's number on the link; of no meaning without one.
    private var alias: UInt32 = 0
    /// Whether no kernel was asked to open the stream yet.
    private var isUnopened = false
    private var waiting = CircularBuffer<ByteBuffer>()
    private(set) package var waitingByteCount = 0
    private var sent = SentBytes()
    private let held: HeldByStream
    private var isFinishWanted = false
    private var isBackedUp = false
    private var isOver = false
    private var isTouched = false
    private var abandonment: Scheduled<Void>?
    private var acknowledgement: Scheduled<Void>?
    /// Whether a link knows that this stream waits for it to become writable.
    var isQueued = false

    /// A stream that is opened here; ``begin(on:)`` follows, at once or when the session has a link.
    init(opening id: StreamID, on session: LinkedSession, priority: Priority, limits: ExtenderLimits) {
        self.id = id
        self.session = session.id
        peer = session.peer
        isPeerAllowed = false
        self.priority = priority
        isOpenedHere = true
        self.limits = limits
        owner = session
        held = HeldByStream(in: session.holdings)
        machine = ExtenderStream(openingWithWindow: limits.streamWindow)
        isUnopened = true
        held.belong(to: self)
    }

    /// A stream that the peer opened.
    init(accepting open: LinkStreamOpen, alias: UInt32, on session: LinkedSession, over link: WorkerLink) {
        id = open.id
        self.session = session.id
        peer = PeerIdentity(open.peer)
        isPeerAllowed = open.isPeerAllowed
        priority = open.priority
        isOpenedHere = false
        limits = link.core.limits
        owner = session
        held = HeldByStream(in: session.holdings)
        machine = ExtenderStream(acceptingCredit: open.credit, window: link.core.limits.streamWindow)
        self.alias = alias
        self.link = link
        held.belong(to: self)
    }

    // MARK: from the user

    package var acceptsMore: Bool { waitingByteCount == 0 }

    /// Whether nothing more can be written.
    package var isSendingOver: Bool { isFinishWanted || machine.isSendingFinished || machine.resetCode != nil }

    package func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, !isSendingOver else { return }
        waiting.append(bytes)
        waitingByteCount += bytes.readableBytes
        pump()
        tellHeld(atLeast: Backlog.leastBytes)
    }

    package func flush() { link?.flush() }

    package func finish() {
        guard !isSendingOver else { return }
        isFinishWanted = true
        pump()
    }

    package func reset(_ code: StreamResetCode) {
        if machine.reset(code) { tellReset(code) }
    }

    package func consumed(_ count: Int) {
        guard count > 0 else { return }
        if let grant = machine.consumed(min(count, machine.unconsumedCount)) { send(grant) }
        sayDone()
        acknowledgeLater()
        tellHeld(atLeast: Backlog.leastBytes)
    }

    /// The user dropped the stream: what it wrote before a finish still goes, anything else is reset. So is a finished
    /// stream whose peer stands still: else it would hold its place for ever.
    func abandon() {
        guard isSendingOver else {
            reset(.cancelled)
            return held.leave()
        }
        guard !isOver else { return held.leave() }
        sink = DiscardingSink(self)
        consumed(machine.unconsumedCount)
        watch()
    }

    private func tellReset(_ code: StreamResetCode) {
        if let link {
            link.send(.streamReset(alias: alias, code: code.rawValue))
            settle()
        } else if isUnopened {
            settle()
        } else {
            // The other end learns it when the session goes on.
            forgetBytes()
        }
    }

    /// Resets a stream of which nothing is wanted here any more, once its peer has stood still for too long.
    private func watch() {
        guard abandonment == nil, !isOver, let owner else { return }
        let seen = (machine.sentOffset, machine.acknowledgedOffset)
        let time = TimeAmount(machine.isSettled ? limits.doneTime : limits.abandonedTime)
        abandonment = owner.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            guard let self, !isOver else { return }
            abandonment = nil
            let isMoving = (machine.sentOffset, machine.acknowledgedOffset) != seen
            if isMoving || machine.isSuspended || isUnopened { return watch() }
            // What is still due of a settled stream is then this side's to consume.
            if machine.isSettled, machine.isDoneReceived { return }
            if machine.cutOff(.cancelled) { tellReset(.cancelled) }
            flush()
        }
    }

    // MARK: from the session

    /// Whether the link carries the stream.
    func isCarried(by link: WorkerLink) -> Bool { self.link === link }

    /// Has a kernel open the stream.
    func begin(on link: WorkerLink, epoch: SessionEpoch) {
        guard enter(link) else { return }
        isUnopened = false
        link.send(
            .streamOpen(
                alias: alias,
                LinkStreamOpen(
                    id: id, extender: link.core.extender, session: session, peer: peer.name, priority: priority,
                    credit: limits.streamWindow, epoch: epoch)))
        pump()
    }

    /// The way is broken, or another carries the session on.
    func suspend() {
        guard !isOver, !isUnopened else { return }
        link?.leave(alias)
        link = nil
        isQueued = false
        machine.suspend()
    }

    /// The session goes on over `link`: tells its kernel where this end stands.
    func resume(on link: WorkerLink, epoch: SessionEpoch) {
        if isUnopened { return begin(on: link, epoch: epoch) }
        guard enter(link) else { return }
        link.send(
            .streamResume(
                alias: alias,
                LinkStreamResume(
                    id: id, extender: link.core.extender, session: session, epoch: epoch, isOpener: isOpenedHere,
                    priority: priority, standing: machine.takeStanding())))
        if let code = machine.resetCode { tellReset(code) }
    }

    private func enter(_ link: WorkerLink) -> Bool {
        guard let alias = link.enter(self) else {
            received(reset: .overloaded)
            return false
        }
        self.alias = alias
        self.link = link
        return true
    }

    // MARK: from the link

    func accepted() { if let grant = machine.accepted() { send(grant) } }

    /// Whether the bytes are taken.
    func received(_ bytes: ByteBuffer) -> Bool {
        guard bytes.readableBytes > 0, proceeds(machine.received(bytes.readableBytes)) else { return false }
        sink?.received(bytes)
        tellHeld(atLeast: Backlog.leastBytes)
        if !isTouched {
            isTouched = true
            link?.touched(self)
        }
        return true
    }

    func batchCompleted() {
        isTouched = false
        sink?.batchCompleted()
    }

    func received(credit limit: UInt64) {
        if proceeds(machine.received(credit: limit)) { pump() }
    }

    func received(acknowledged offset: UInt64) {
        guard proceeds(machine.received(acknowledged: offset)) else { return }
        sent.release(below: machine.acknowledgedOffset)
        tellHeld(atLeast: Backlog.leastBytes)
    }

    /// Whether the finish is taken.
    func receivedFinish() -> Bool {
        guard proceeds(machine.receivedFinish()) else { return false }
        if isTouched { sink?.batchCompleted() }
        sink?.receivedFinish()
        sayDone()
        if machine.isSettled { watch() }
        return true
    }

    func receivedDone() {
        guard proceeds(machine.receivedDone()) else { return }
        sent.removeAll()
        settleIfOver()
        tellHeld(atLeast: Backlog.leastBytes)
    }

    func received(reset code: StreamResetCode) {
        let action = machine.received(reset: code)
        if machine.isOver, !isOver { settle() }
        if action == .proceed { sink?.receivedReset(code) }
    }

    /// The other end stands so: what it did not receive goes again, and then what waits.
    func resumed(_ other: StreamStanding) {
        guard proceeds(machine.resumed(other)) else { return }
        for bytes in sent.takeAll(from: other.received).reversed() {
            waiting.prepend(bytes)
            waitingByteCount += bytes.readableBytes
        }
        settleIfOver()
        guard !isOver else { return }
        if let grant = machine.grantDue() { send(grant) }
        sayDone()
        acknowledgeLater()
        pump()
        tellHeld(atLeast: Backlog.leastBytes)
    }

    /// The link takes more again.
    func pump() {
        guard machine.resetCode == nil else { return }
        guard let link else {
            isBackedUp = true
            return
        }
        while waitingByteCount > 0 {
            let allowed = min(machine.sendableCount, StreamLimits.dataBytesMax)
            guard allowed > 0, link.isWritable else {
                isBackedUp = true
                return allowed > 0 ? link.queue(self) : ()
            }
            send(atMost: allowed, over: link)
        }
        if isFinishWanted {
            if machine.finish() {
                link.send(.streamFinish(alias: alias))
                if machine.isSettled { watch() }
            }
        } else if isBackedUp {
            isBackedUp = false
            sink?.drained()
        }
    }

    // MARK: from the holdings

    /// Tells what the stream holds: what waits, was sent and not acknowledged; what came and was not consumed, also once the
    /// stream is over. Less than `least` more or less than last time is no news.
    func tellHeld(atLeast least: Int = 0) {
        held.tellIncoming(machine.unconsumedCount, taken: machine.consumedOffset, atLeast: least)
        guard !isOver, machine.resetCode == nil else { return }
        let count = waitingByteCount + Int(clamping: machine.sentOffset - machine.acknowledgedOffset)
        held.tellOutgoing(count, taken: machine.acknowledgedOffset, atLeast: least)
    }

    /// Streams hold too much, and of this one a direction is the slowest to be taken. `false` where it ended so before.
    func endsAsSlowest() -> Bool {
        guard !held.hasLeft else { return false }
        let isOfUse = !machine.isSettled || machine.unconsumedCount > 0
        if machine.cutOff(.overloaded) { tellReset(.overloaded) }
        held.leave()
        flush()
        if isOfUse { sink?.receivedReset(.overloaded) }
        return true
    }

    // MARK: inside

    private func send(atMost allowed: Int, over link: WorkerLink) {
        let first = waiting.startIndex
        if waiting[first].readableBytes <= allowed {
            send(waiting.removeFirst(), over: link)
        } else if let slice = waiting[first].readSlice(length: allowed) {
            send(slice, over: link)
        }
    }

    private func send(_ bytes: ByteBuffer, over link: WorkerLink) {
        machine.sent(bytes.readableBytes)
        waitingByteCount -= bytes.readableBytes
        sent.append(bytes)
        link.send(.streamData(alias: alias, bytes))
    }

    private func send(_ grant: ExtenderStream.Grant) {
        guard !isOver else { return }
        if grant.acknowledged > 0 {
            link?.send(.streamAcknowledged(alias: alias, offset: grant.acknowledged))
        }
        link?.send(.streamCredit(alias: alias, limit: grant.limit))
    }

    /// Tells the other end in a while what was consumed, where no grant does: it keeps all until it knows.
    private func acknowledgeLater() {
        guard acknowledgement == nil, machine.owesAcknowledgement, let owner else { return }
        let time = TimeAmount(ExtenderStream.acknowledgementTime)
        acknowledgement = owner.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            guard let self else { return }
            acknowledgement = nil
            guard let offset = machine.takeAcknowledgement() else { return }
            link?.send(.streamAcknowledged(alias: alias, offset: offset))
            flush()
        }
    }

    /// Tells the other end once that all of it was consumed.
    private func sayDone() {
        guard machine.takeDone() else { return }
        link?.send(.streamDone(alias: alias))
        settleIfOver()
    }

    private func proceeds(_ action: ExtenderStream.Action) -> Bool {
        switch action {
        case .proceed: return true
        case .ignore: return false
        case .reset(let code):
            link?.send(.streamReset(alias: alias, code: code.rawValue))
            settle()
            sink?.receivedReset(code)
            return false
        }
    }

    private func settleIfOver() {
        if machine.isOver, !isOver { settle() }
    }

    private func settle() {
        isOver = true
        forgetBytes()
        link?.leave(alias)
        owner?.settled(self)
    }

    private func forgetBytes() {
        abandonment?.cancel()
        abandonment = nil
        acknowledgement?.cancel()
        acknowledgement = nil
        held.leaveOutgoing()
        waiting.removeAll()
        waitingByteCount = 0
        sent.removeAll()
    }
}
