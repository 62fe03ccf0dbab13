import GateLink
import GateModel
import GateTransport
import GateWire
import Logging
import NIOCore
import Synchronization

/// A standing session as the rest of the worker sees it: which streams and circuits go over it, and where their bytes
/// go next. One per session, on the loop of what carries it.
///
/// `@unchecked Sendable`: the constants are; everything else is touched on `eventLoop` only.
final class SessionEndpoint: @unchecked Sendable {
    let id: SessionID
    /// Counts the session's takeovers; another endpoint with the same id has another epoch.
    let epoch: SessionEpoch
    let peer: PeerName
    let eventLoop: any EventLoop
    let way: Way
    let since: UnixTime
    let kernel: KernelState
    /// What waits in all sessions of the loop.
    let backlog: LoopBacklog
    let certification: Mutex<UnixTime?>

    /// What carries the session; `nil` once it has ended.
    private(set) var driver: (any SessionDriver)?
    /// What the other side says that it has.
    private(set) var extenders: [ExtenderID] = []
    /// The epoch of the keys that the peer seals with.
    var keyEpoch: UInt32 = 0
    /// Circuits that go over this session.
    var circuits: CircuitTable

    var streams: [UInt32: StreamBridge] = [:]
    /// Streams of earlier epochs that not both sides have named yet.
    var resumptions = StreamResumptions()
    /// Whether the session may come back, so that what extenders still send means nothing.
    private var isSuspended = false
    private var outlets: [ObjectIdentifier: LinkOutlet] = [:]
    /// What extenders were told that they may send on streams.
    var ledger = CreditLedger()
    /// Bytes that wait and that the peer took, as ``backlog`` counts them.
    var counted: (waiting: Int, taken: UInt64) = (0, 0)
    /// Whether the peer's list of extenders changed in the read that is being worked off.
    private var hasNewExtenders = false
    private var names = SessionNames<Attachment>()
    /// Extenders of ours that sent something over a session in which we hide.
    private var shown: Set<ExtenderID> = []
    /// Counts what goes over the session, but for what comes by itself: pings, lists of extenders, certificates.
    private(set) var activity: UInt64 = 0
    /// Counts who asked for the session.
    let asked = Atomic<UInt64>(0)
    /// Since when nothing goes over the session, as far as anybody looked.
    var quiet: (activity: UInt64, since: MonotonicInstant)?
    private var stall = StallWatch()

    /// Bytes that wait below which extenders may send more.
    static let lowWaterBytes = 1 << 20
    /// Bytes that wait above which credit of the peer's, for streams and circuits, is kept back.
    static let highWaterBytes = 8 << 20
    /// Bytes that wait at which the session ends: the peer does not read.
    static let waitingBytesMax = 128 << 20
    /// Bytes of messages that one extender may have on the way to one peer. Streams have windows of their own.
    static let extenderWindowBytes: UInt64 = 8 << 20

    init(
        id: SessionID, epoch: SessionEpoch = 0, peer: PeerName, eventLoop: any EventLoop, way: Way, since: UnixTime,
        driver: any SessionDriver, kernel: KernelState, backlog: LoopBacklog
    ) {
        self.id = id
        self.epoch = epoch
        self.peer = peer
        self.eventLoop = eventLoop
        self.way = way
        self.since = since
        self.driver = driver
        self.kernel = kernel
        self.backlog = backlog
        certification = Mutex(way.certifiedUntil)
        circuits = CircuitTable(isInbound: way.isInbound)
    }

    var isRelayed: Bool { way.isRelayed }
    var isInbound: Bool { way.isInbound }
    var address: IPAddress? { way.address }

    // MARK: From the peer

    /// One message of the session; ``batchEnded()`` follows the last of a read.
    func received(_ message: SessionMessage) {
        if case .extenders(let list) = message { return changed(extenders: list) }
        activity &+= 1
        switch message {
        case .streamData(let alias, let data):
            guard let bridge = streams[alias] else { return }
            kernel.metrics.streamBytesIn.add(data.readableBytes)
            toLink(bridge, .data(data))
        case .streamCredit(let alias, let limit):
            guard let bridge = streams[alias] else { return }
            bridge.credit.grant(limit)
            passOnCredit(bridge)
        case .streamAcknowledged(let alias, let offset): toLink(alias, .acknowledged(offset: offset))
        case .streamFinish(let alias): toLink(alias, .finish)
        case .streamDone(let alias):
            toLink(alias, .done)
            close(alias, .peer)
        case .streamReset(let alias, let code):
            toLink(alias, .reset(code: code))
            forget(alias)
            offerWasReset(alias, code)
        case .streamResume(let alias, let resume): received(resume, alias)
        case .streamOpen(let alias, let id, let extender, let priority, let credit):
            opened(alias, id, extender, priority, credit)
        case .cells(let cells): received(cells: cells)
        case .circuitCredit(let circuit, let count): credited(count, circuit)
        case .circuitDestroy(let circuit, let reason):
            removeParty(of: circuit)?.destroyed(reason, circuit: circuit, on: self)
        case .resumed: close(.protocolViolation)  // answers a proof, and was the first message then
        case .message(let message): deliver(message)
        case .receipt(let name, let status):
            guard let sent = names.receipted(name) else { return }
            outlet(to: sent.sender).outlet.append(.notice(self, .receipt(sent.id, status)))
        // Dealt with above, or by the session itself.
        case .extenders, .ping, .pong, .close, .certificate, .keyRequest, .keyReply, .keySwitch: break
        }
    }

    /// The driver has worked off a read.
    func batchEnded() {
        if hasNewExtenders {
            hasNewExtenders = false
            toEveryLink { .extenders(extenders) }
        }
        flushLinks()
        circuitBatchEnded()
        flush()
    }

    /// What carries the session has ended; nothing more comes.
    func ended(reason: String) {
        guard driver != nil else { return }
        driver = nil
        for (_, bridge) in streams { toLink(bridge, .reset(code: StreamResetCode.peerGone.rawValue)) }
        for bridge in resumptions.bridges { toLink(bridge, .reset(code: StreamResetCode.peerGone.rawValue)) }
        forgetStreams()
        flushLinks()
        circuitsEnded()
        kernel.ended(self, reason: reason)
    }

    /// What carried the session has ended, and the session may come back: streams and what waited of them are dropped
    /// without a word, since the extenders will resume them.
    func suspend() {
        driver = nil
        isSuspended = true
        forgetStreams()
        flushLinks()
        outlets = [:]
        circuitsEnded()
    }

    private func forgetStreams() {
        streams = [:]
        ledger = CreditLedger()
        backlog.leave(self)
        resumptions.end()
        names = SessionNames()
    }

    // MARK: To the peer

    func enqueue(_ message: SessionMessage) {
        activity &+= 1
        driver?.enqueue(message)
    }

    /// Says which extenders this worker has; a peer that we hide from is told nothing.
    func tell(extenders list: [ExtenderID]) { if !way.isHiding { driver?.enqueue(.extenders(list)) } }

    func flush() {
        guard let driver else { return }
        driver.flush()
        let waiting = driver.waitingByteCount
        recount()
        let isStalled = stall.isStalled(waiting: waiting, sealed: driver.sealedByteCount, at: SystemClock.now())
        if waiting < backlog.room(waiting: waiting).lowWaterBytes {
            grant()
            passOnHeldBack()
        } else if isStalled || waiting > SessionEndpoint.waitingBytesMax {
            kernel.logger.info("A peer does not read: its session ends", metadata: ["session": "\(id)"])
            close(.limitExceeded)
        }
    }

    /// Whether so much waits that the peer's credit is kept back.
    var isBackedUp: Bool {
        guard let waiting = driver?.waitingByteCount else { return true }
        return waiting > backlog.room(waiting: waiting).highWaterBytes
    }

    func close(_ reason: SessionCloseReason) { driver?.close(reason) }

    /// What an extender's link sends to this session.
    func take(_ items: [ToSession], from attachment: Attachment) {
        for item in items {
            switch item {
            case .stream(let bridge, let event): take(event, of: bridge)
            case .message(let message):
                outlet(to: attachment).received += UInt64(message.payload.readableBytes)
                send(message, from: attachment)
            case .receipt(let id, let status): enqueue(.receipt(id: id, status: status))
            case .streamsResumed: namedAll(attachment)
            }
        }
        flushLinks()
        flush()
    }

    private func take(_ event: StreamEvent, of bridge: StreamBridge) {
        guard driver != nil else {
            if case .reset = event { return }
            if isSuspended { return }
            return bridge.attachment.eventLoop.execute {
                bridge.attachment.take([.stream(bridge, .reset(code: StreamResetCode.peerGone.rawValue))])
            }
        }
        switch event {
        case .open(let credit): return open(bridge, credit: credit)
        case .resume(let standing): return resume(bridge, standing)
        case .data, .credit, .acknowledged, .finish, .reset, .done: break
        }
        let alias = bridge.sessionAlias
        guard streams[alias] === bridge else {
            if case .reset(let code) = event { nameWasReset(bridge, code) }
            return
        }
        switch event {
        case .open, .resume: break
        case .data(let data):
            kernel.metrics.streamBytesOut.add(data.readableBytes)
            ledger.count(data.readableBytes, of: &bridge.credit)
            enqueue(.streamData(alias: alias, data))
            if bridge.credit.isHeldBack { passOnCredit(bridge) }
        case .credit(let limit): enqueue(.streamCredit(alias: alias, limit: limit))
        case .acknowledged(let offset): enqueue(.streamAcknowledged(alias: alias, offset: offset))
        case .finish: enqueue(.streamFinish(alias: alias))
        case .done:
            enqueue(.streamDone(alias: alias))
            close(alias, .extender)
        case .reset(let code):
            enqueue(.streamReset(alias: alias, code: code))
            forget(alias)
        }
    }

    private func open(_ bridge: StreamBridge, credit: UInt64) {
        guard let alias = driver?.makeAlias() else {
            return toLink(bridge, .reset(code: StreamResetCode.refused.rawValue))
        }
        bridge.sessionAlias = alias
        bridge.credit = .opener
        streams[alias] = bridge
        shown.insert(bridge.extender)
        enqueue(
            .streamOpen(
                alias: alias, id: bridge.id, extender: bridge.extender, priority: bridge.priority,
                credit: credit))
    }

    private func send(_ message: ExtenderMessage, from attachment: Attachment) {
        guard driver != nil else { return }
        var message = message
        message.id = names.message(
            message.id, from: attachment, wantsReceipt: message.flags.contains(.receiptWanted))
        shown.insert(message.extender)
        enqueue(.message(message))
    }

    // MARK: Streams

    private func opened(
        _ alias: UInt32, _ id: StreamID, _ extender: ExtenderID, _ priority: Priority, _ credit: UInt64
    ) {
        guard streams[alias] == nil, let attachment = attachment(of: extender, for: id) else {
            return enqueue(.streamReset(alias: alias, code: StreamResetCode.noSuchExtender.rawValue))
        }
        let bridge = StreamBridge(
            id: id, extender: extender, priority: priority, isOpenedHere: false, session: self,
            attachment: attachment)
        bridge.sessionAlias = alias
        bridge.credit.grant(credit)
        streams[alias] = bridge
        toLink(bridge, .open(credit: creditToTell(bridge) ?? 0))
    }

    /// The replica that the peer reaches; where we hide, of an extender that spoke first and of no other.
    func attachment(of extender: ExtenderID, for stream: StreamID) -> Attachment? {
        guard !way.isHiding || shown.contains(extender) else { return nil }
        return kernel.attachment(of: extender, for: stream)
    }

    /// Whether a message for the extender finds it.
    func takes(_ extender: ExtenderID) -> Bool {
        attachment(of: extender, for: StreamID(replica: id.value.low, counter: 0)) != nil
    }

    private func close(_ alias: UInt32, _ end: StreamEnds) {
        guard let bridge = streams[alias] else { return }
        bridge.ends.insert(end)
        if bridge.ends == .both { forget(alias) }
    }

    func forget(_ alias: UInt32) {
        if let bridge = streams.removeValue(forKey: alias) { ledger.leave(bridge.credit, of: alias) }
        resumptions.asked[alias] = nil
    }

    // MARK: Links

    private func toLink(_ alias: UInt32, _ event: StreamEvent) {
        if let bridge = streams[alias] { toLink(bridge, event) }
    }

    func toLink(_ bridge: StreamBridge, _ event: StreamEvent) {
        outlet(to: bridge.attachment).outlet.append(.stream(bridge, event))
    }

    private func toEveryLink(_ item: () -> ToLink.Notice) {
        for attachment in kernel.attachments() {
            outlet(to: attachment).outlet.append(.notice(self, item()))
        }
    }

    /// Hands over what waits for extenders.
    func flushLinks() { for link in outlets.values { link.outlet.flush() } }

    private func outlet(to attachment: Attachment) -> LinkOutlet {
        let key = ObjectIdentifier(attachment)
        if let link = outlets[key] { return link }
        let link = LinkOutlet(to: attachment)
        outlets[key] = link
        return link
    }

    /// What waits has gone: every extender may send as much again.
    private func grant() {
        for link in outlets.values {
            let limit = link.received + SessionEndpoint.extenderWindowBytes
            guard limit - link.granted >= SessionEndpoint.extenderWindowBytes / 4 else { continue }
            link.granted = limit
            link.outlet.append(.notice(self, .credit(limit: limit)))
            link.outlet.flush()
        }
    }

    /// A link is gone: its streams are too.
    func detached(_ attachment: Attachment) {
        for (alias, bridge) in streams where bridge.attachment === attachment {
            enqueue(.streamReset(alias: alias, code: StreamResetCode.peerGone.rawValue))
            forget(alias)
        }
        namesNoMore(attachment)
        outlets[ObjectIdentifier(attachment)] = nil
        names.forget(attachment)
        flush()
    }

    private func changed(extenders list: [ExtenderID]) {
        guard list != extenders else { return }
        extenders = list
        hasNewExtenders = true
    }

    private func deliver(_ message: ExtenderMessage) {
        // One that was not unfolded had no extender when it came.
        guard !message.flags.contains(.compressed),
            let attachment = attachment(
                of: message.extender, for: StreamID(replica: id.value.low, counter: message.id))
        else {
            if message.flags.contains(.receiptWanted) {
                enqueue(.receipt(id: message.id, status: .noSuchExtender))
            }
            return
        }
        outlet(to: attachment).outlet.append(.notice(self, .message(message)))
    }
}
