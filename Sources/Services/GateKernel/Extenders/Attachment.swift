import GateLink
import GateLinkTransport
import GateModel
import GateWire
import Logging
import NIOCore

/// One attached extender replica, and the streams that go over its link. On the loop of its first link; where a link breaks
/// another may take its place.
///
/// `@unchecked Sendable`: the constants are; everything else is touched on `eventLoop` only.
final class Attachment: @unchecked Sendable {
    let extender: ExtenderID
    let replica: UInt64
    let name: String
    let eventLoop: any EventLoop
    /// Who the replica's certificate says that it is; who goes on with the attachment must show the same.
    let linkName: LinkName
    /// The attachment's number, by which it goes on over another link; `nil` where it ends with its link.
    let number: UInt64?
    let kernel: KernelState
    /// The link; `nil` while there is none.
    private(set) var wire: AttachmentWire?
    /// What was sent and may not have come, and what came.
    var frames = AttachmentFrames()
    /// Whether the replica will soon be told what was taken of its frames.
    var isTelling = false
    /// Ends an attachment whose replica does not come back.
    var ending: Scheduled<Void>?
    private(set) var isOver = false

    var streams: [UInt32: LinkStream] = [:]
    private var nextAlias: UInt32 = 2
    var outlets: [SessionID: SessionOutlet] = [:]
    private var names = StreamNames()
    /// Messages that the replica has sent and that are held back.
    var delayed = DelayedMessages()
    /// Sends the next of them.
    var delayTimer: Scheduled<Void>?
    /// When it fires.
    var delayTimerDue = MonotonicInstant(nanoseconds: .max)
    /// Whether something was sent that no session had a part in.
    private var hasAnswered = false
    /// Whether news of sessions wait to be flushed.
    private var hasNews = false

    /// Streams that one replica may have open at a worker.
    static let streamsMax = 65_536
    /// How long the news that a session began or ended may wait for others, unless something else goes before.
    static let newsPause = TimeAmount.milliseconds(20)

    /// A stream as its link's side sees it.
    struct LinkStream {
        let bridge: StreamBridge
        /// Bytes that the extender has sent, and may send in all.
        var sent: UInt64 = 0
        var limit: UInt64
        var ends: StreamEnds = []
    }

    /// One session as this link feeds it: a class, so that appending mutates in place.
    final class SessionOutlet {
        let session: SessionEndpoint
        let outlet: LoopOutlet<ToSession>
        /// Bytes of messages that the replica has sent towards the session.
        var sent: UInt64 = 0
        var limit = SessionEndpoint.extenderWindowBytes

        init(to session: SessionEndpoint, from attachment: Attachment) {
            self.session = session
            outlet = LoopOutlet(to: session.eventLoop) { session.take($0, from: attachment) }
        }
    }

    init(
        _ attach: LinkAttach, number: UInt64?, linkName: LinkName, eventLoop: any EventLoop, wire: AttachmentWire,
        kernel: KernelState
    ) {
        extender = attach.extender
        replica = attach.replica
        name = attach.name
        self.number = number
        self.linkName = linkName
        self.eventLoop = eventLoop
        self.wire = wire
        self.kernel = kernel
    }

    /// Another link carries the attachment from now on, or none.
    func use(_ wire: AttachmentWire?) {
        ending?.cancel()
        ending = nil
        self.wire = wire
    }

    // MARK: From the extender

    func received(_ frame: LinkFrame) {
        switch frame {
        case .streamData(let alias, let data):
            received(data, alias)
        case .streamCredit(let alias, let limit): toSession(alias, .credit(limit: limit))
        case .streamAcknowledged(let alias, let offset): toSession(alias, .acknowledged(offset: offset))
        case .streamFinish(let alias): toSession(alias, .finish)
        case .streamDone(let alias):
            toSession(alias, .done)
            close(alias, .extender)
        case .streamReset(let alias, let code):
            toSession(alias, .reset(code: code))
            forget(alias)
        case .streamOpen(let alias, let open): opened(alias, open)
        case .streamResume(let alias, let resume): resumed(alias, resume)
        case .streamsResumed(let resumed):
            guard let session = kernel.session(resumed.session), session.epoch == resumed.epoch else { return }
            outlet(to: session).outlet.append(.streamsResumed)
        case .message(let message): send(message)
        case .receipt(let receipt): send(receipt)
        case .connect(let request): connect(request)
        case .hello, .welcome, .ping, .pong, .drain, .goAway, .attach, .attached, .refused, .peerEvent, .peerCredit,
            .connected, .connectFailed, .goOn, .taken, .request, .reply, .watchEvent, .cancel:
            break  // dealt with below the link's delegate, or not the extender's to send
        }
    }

    func batchEnded() {
        for outlet in outlets.values { outlet.outlet.flush() }
        if number != nil, let count = frames.word() {
            wire?.send(.taken(count: count))
            hasAnswered = true
        } else if number != nil, frames.owesWord {
            tellLater()
        }
        if hasAnswered { wire?.flush() }
        hasAnswered = false
    }

    /// The replica is gone.
    func ended() {
        isOver = true
        let last = wire
        use(nil)
        last?.drop()
        frames = AttachmentFrames()
        dropDelayed()
        streams = [:]
        // A session that told this replica something and heard nothing of it has an outlet to it, too.
        let sessions = outlets.values.map(\.session) + kernel.sessions
        outlets = [:]
        for session in sessions {
            session.eventLoop.execute { session.detached(self) }
        }
    }

    private func opened(_ alias: UInt32, _ open: LinkStreamOpen) {
        // Even numbers are this side's.
        guard alias % 2 == 1, streams[alias] == nil, streams.count < Attachment.streamsMax else {
            return send(.streamReset(alias: alias, code: StreamResetCode.refused.rawValue))
        }
        guard open.extender == extender, let session = kernel.session(open.session) else {
            // The replica resumes the stream once it hears where the session goes on.
            if kernel.isSuspended(open.session) { return }
            return send(.streamReset(alias: alias, code: StreamResetCode.peerGone.rawValue))
        }
        guard session.epoch == open.epoch else { return }
        guard names.admits(open.id.replica, for: open.session) else {
            return send(.streamReset(alias: alias, code: StreamResetCode.refused.rawValue))
        }
        let bridge = StreamBridge(
            id: open.id, extender: extender, priority: open.priority, isOpenedHere: true, session: session,
            attachment: self)
        bridge.linkAlias = alias
        streams[alias] = LinkStream(bridge: bridge, limit: StreamLimits.openerCredit)
        kernel.metrics.streamsOpened.add()
        toSession(bridge, .open(credit: open.credit))
    }

    /// The replica has an end of a stream that began in an earlier epoch. It gets no answer but the other end's word.
    private func resumed(_ alias: UInt32, _ resume: LinkStreamResume) {
        guard alias % 2 == 1, streams[alias] == nil, streams.count < Attachment.streamsMax else {
            return send(.streamReset(alias: alias, code: StreamResetCode.refused.rawValue))
        }
        // Of an epoch that is over the replica will hear, and name the stream again.
        guard resume.extender == extender, let session = kernel.session(resume.session), session.epoch == resume.epoch
        else { return }
        guard !resume.isOpener || names.admits(resume.id.replica, for: resume.session) else {
            return send(.streamReset(alias: alias, code: StreamResetCode.refused.rawValue))
        }
        let bridge = StreamBridge(
            id: resume.id, extender: extender, priority: resume.priority, isOpenedHere: resume.isOpener,
            session: session, attachment: self)
        bridge.linkAlias = alias
        streams[alias] = LinkStream(bridge: bridge, limit: 0)
        if resume.standing.flags.contains(.doneSent) { streams[alias]?.ends = .extender }
        toSession(bridge, .resume(resume.standing))
    }

    private func connect(_ request: ConnectRequest) {
        guard wire?.mayConnect == true else {
            return send(
                .connectFailed(
                    ConnectFailure(
                        id: request.id, code: .refused, reason: "\(name) has no right to ask for sessions")))
        }
        let isAsked = kernel.spawn { [self] in
            let answer = await kernel.connect(request, for: extender)
            eventLoop.execute { [self] in
                switch answer {
                case .success(let session): send(.connected(ConnectSuccess(id: request.id, session: session)))
                case .failure(let failure):
                    kernel.logger.info(
                        "No session for an extender", metadata: ["link": "\(name)", "reason": "\(failure.reason)"])
                    send(.connectFailed(failure))
                }
                wire?.flush()
            }
        }
        guard !isAsked else { return }
        send(.connectFailed(ConnectFailure(id: request.id, code: .overloaded, reason: KernelState.tooMuchWaits)))
    }

    // MARK: To the extender

    /// Tells the replica to begin nothing here; what is open goes on.
    func drain() {
        wire?.send(.drain)
        wire?.flush()
    }

    /// What sessions send to this replica.
    func take(_ items: [ToLink]) {
        guard !isOver else { return }
        var isUrgent = false
        for item in items {
            switch item {
            case .stream(let bridge, let event):
                take(event, of: bridge)
                isUrgent = true
            case .notice(let session, let notice):
                take(notice, of: session)
                isUrgent = isUrgent || !notice.isNews
            }
        }
        guard isUrgent else { return flushSoon() }
        wire?.flush()
        hasAnswered = false
    }

    /// Where sessions come and go by the hundred, their news share a flush.
    private func flushSoon() {
        guard !hasNews else { return }
        hasNews = true
        eventLoop.assumeIsolated().scheduleTask(in: Attachment.newsPause) { [self] in
            hasNews = false
            wire?.flush()
        }
    }

    private func take(_ event: StreamEvent, of bridge: StreamBridge) {
        if case .open(let credit) = event { return open(bridge, credit: credit) }
        let alias = bridge.linkAlias
        guard streams[alias]?.bridge === bridge else { return }
        switch event {
        case .open: break
        case .resume(let standing): goOn(alias, bridge, standing)
        case .data(let data): send(.streamData(alias: alias, data))
        case .credit(let limit):
            streams[alias]?.limit = limit
            send(.streamCredit(alias: alias, limit: limit))
        case .acknowledged(let offset): send(.streamAcknowledged(alias: alias, offset: offset))
        case .finish: send(.streamFinish(alias: alias))
        case .done:
            send(.streamDone(alias: alias))
            close(alias, .peer)
        case .reset(let code):
            send(.streamReset(alias: alias, code: code))
            forget(alias)
        }
    }

    /// Where the other end of a resumed stream stands.
    private func goOn(_ alias: UInt32, _ bridge: StreamBridge, _ standing: StreamStanding) {
        streams[alias]?.sent = standing.received
        streams[alias]?.limit = standing.limit
        send(
            .streamResume(
                alias: alias,
                LinkStreamResume(
                    id: bridge.id, extender: extender, session: bridge.session.id, epoch: bridge.session.epoch,
                    isOpener: !bridge.isOpenedHere, priority: bridge.priority, standing: standing)))
        if standing.flags.contains(.doneSent) { close(alias, .peer) }
    }

    private func open(_ bridge: StreamBridge, credit: UInt64) {
        guard streams.count < Attachment.streamsMax else {
            return toSession(bridge, .reset(code: StreamResetCode.refused.rawValue))
        }
        bridge.linkAlias = makeAlias()
        streams[bridge.linkAlias] = LinkStream(bridge: bridge, limit: credit)
        _ = outlet(to: bridge.session)
        send(
            .streamOpen(
                alias: bridge.linkAlias,
                LinkStreamOpen(
                    id: bridge.id, extender: extender, session: bridge.session.id, peer: bridge.session.peer,
                    isPeerAllowed: kernel.peers.isAllowed(bridge.session.peer), priority: bridge.priority,
                    credit: credit, epoch: bridge.session.epoch)))
    }

    /// The next even number that no stream has; the numbers come round after 2³¹ streams.
    private func makeAlias() -> UInt32 {
        while nextAlias == 0 || streams[nextAlias] != nil { nextAlias &+= 2 }
        defer { nextAlias &+= 2 }
        return nextAlias
    }

    func send(_ frame: LinkFrame) {
        hasAnswered = true
        if number != nil { frames.sent(frame) }
        wire?.send(frame)
    }

    // MARK: Tables

    private func received(_ data: ByteBuffer, _ alias: UInt32) {
        guard let index = streams.index(forKey: alias) else { return }
        let bridge = streams.values[index].bridge
        streams.values[index].sent += UInt64(data.readableBytes)
        if streams.values[index].sent <= streams.values[index].limit { return toSession(bridge, .data(data)) }
        send(.streamReset(alias: alias, code: StreamResetCode.protocolBroken.rawValue))
        toSession(bridge, .reset(code: StreamResetCode.protocolBroken.rawValue))
        forget(alias)
    }

    private func toSession(_ alias: UInt32, _ event: StreamEvent) {
        if let stream = streams[alias] { toSession(stream.bridge, event) }
    }

    private func toSession(_ bridge: StreamBridge, _ event: StreamEvent) {
        outlet(to: bridge.session).outlet.append(.stream(bridge, event))
    }

    func outlet(to session: SessionEndpoint) -> SessionOutlet {
        if let outlet = outlets[session.id] { return outlet }
        let outlet = SessionOutlet(to: session, from: self)
        outlets[session.id] = outlet
        return outlet
    }

    private func close(_ alias: UInt32, _ end: StreamEnds) {
        streams[alias]?.ends.insert(end)
        if streams[alias]?.ends == .both { forget(alias) }
    }

    func forget(_ alias: UInt32) { streams[alias] = nil }
}
