import GateLink
package import GateModel
package import NIOCore

/// One stream on one link: its machine, what waits to be sent, and who takes what comes. Lives on the link's event loop.
package final class LinkedStream: StreamPort {
    package let id: StreamID
    package let session: SessionID
    package let peer: PeerIdentity
    /// Whether this node's operator allowed the peer by its UUID, as the kernel said at the open.
    package let isPeerAllowed: Bool
    package let alias: UInt32
    /// Who takes what comes.
    package var sink: (any StreamSink)?

    private(set) package var machine: ExtenderStream
    private weak var link: WorkerLink?
    private var waiting = CircularBuffer<ByteBuffer>()
    private(set) package var waitingByteCount = 0
    private var isFinishWanted = false
    private var isBackedUp = false
    private var isOver = false
    private var isTouched = false
    private var abandonment: Scheduled<Void>?
    /// Whether the link knows that this stream waits for it to become writable.
    var isQueued = false

    init(open: LinkStreamOpen, alias: UInt32, machine: ExtenderStream, link: WorkerLink) {
        id = open.id
        session = open.session
        peer = PeerIdentity(open.peer)
        isPeerAllowed = open.isPeerAllowed
        self.alias = alias
        self.machine = machine
        self.link = link
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
    }

    package func flush() { link?.flush() }

    package func finish() {
        guard !isSendingOver else { return }
        isFinishWanted = true
        pump()
    }

    package func reset(_ code: StreamResetCode) {
        guard machine.reset(code) else { return }
        link?.send(.streamReset(alias: alias, code: code.rawValue))
        settle()
    }

    package func consumed(_ count: Int) {
        guard count > 0, let grant = machine.consumed(min(count, machine.unconsumedCount)) else { return }
        send(grant)
    }

    /// The user dropped the stream: what it wrote before a finish still goes, anything else is reset. So is a finished
    /// stream whose peer stands still: else it would hold its place for ever.
    func abandon() {
        guard isSendingOver else { return reset(.cancelled) }
        guard !isOver else { return }
        sink = DiscardingSink(self)
        consumed(machine.unconsumedCount)
        resetUnlessMoving()
    }

    private func resetUnlessMoving() {
        guard let link, !isOver else { return }
        let seen = (machine.sentOffset, machine.acknowledgedOffset)
        let time = TimeAmount(link.core.limits.abandonedTime)
        abandonment = link.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
            guard let self, !isOver else { return }
            if (machine.sentOffset, machine.acknowledgedOffset) != seen { return resetUnlessMoving() }
            reset(.cancelled)
            flush()
        }
    }

    // MARK: from the link

    func accepted() {
        if let grant = machine.accepted() { send(grant) }
    }

    func received(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, proceeds(machine.received(bytes.readableBytes)) else { return }
        sink?.received(bytes)
        if !isTouched {
            isTouched = true
            link?.touched(self)
        }
    }

    func batchCompleted() {
        isTouched = false
        sink?.batchCompleted()
    }

    func received(credit limit: UInt64) {
        if proceeds(machine.received(credit: limit)) { pump() }
    }

    func received(acknowledged offset: UInt64) {
        _ = proceeds(machine.received(acknowledged: offset))
    }

    func receivedFinish() {
        guard proceeds(machine.receivedFinish()) else { return }
        if isTouched { sink?.batchCompleted() }
        sink?.receivedFinish()
        settleIfOver()
    }

    func received(reset code: StreamResetCode) {
        guard machine.received(reset: code) == .proceed else { return }
        settle()
        sink?.receivedReset(code)
    }

    /// The link takes more again.
    func pump() {
        guard let link, machine.resetCode == nil else { return }
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
                settleIfOver()
            }
        } else if isBackedUp {
            isBackedUp = false
            sink?.drained()
        }
    }

    // MARK: inside

    private func send(atMost allowed: Int, over link: WorkerLink) {
        let first = waiting.startIndex
        if waiting[first].readableBytes <= allowed {
            let bytes = waiting.removeFirst()
            account(bytes.readableBytes)
            link.send(.streamData(alias: alias, bytes))
        } else if let slice = waiting[first].readSlice(length: allowed) {
            account(allowed)
            link.send(.streamData(alias: alias, slice))
        }
    }

    private func account(_ count: Int) {
        machine.sent(count)
        waitingByteCount -= count
    }

    private func send(_ grant: ExtenderStream.Grant) {
        guard !isOver else { return }
        if grant.acknowledged > 0 {
            link?.send(.streamAcknowledged(alias: alias, offset: grant.acknowledged))
        }
        link?.send(.streamCredit(alias: alias, limit: grant.limit))
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
        if machine.isSettled { settle() }
    }

    private func settle() {
        isOver = true
        abandonment?.cancel()
        abandonment = nil
        waiting.removeAll()
        waitingByteCount = 0
        link?.settled(self)
    }
}

/// Takes what nobody reads any more.
private final class DiscardingSink: StreamSink {
    private unowned let stream: LinkedStream

    init(_ stream: LinkedStream) { self.stream = stream }

    func received(_ bytes: ByteBuffer) { stream.consumed(bytes.readableBytes) }
    func batchCompleted() {}
    func receivedFinish() {}
    func receivedReset(_ code: StreamResetCode) {}
    func drained() {}
}
