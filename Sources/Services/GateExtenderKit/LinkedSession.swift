import GateLink
import GateModel
import NIOCore

/// One session as a replica knows it, whichever link carries it: its streams, and the messages that wait. Lives on the
/// replica's event loop.
///
///     standing ──suspend()──▶ suspended ──resume(on:)──▶ standing        (each time in a higher epoch)
///         └──end()──▶ over ◀──end(), or after ExtenderLimits.suspensionTime──┘
final class LinkedSession {
    let id: SessionID
    let peer: PeerIdentity
    let eventLoop: any EventLoop
    private(set) var isRelayed: Bool
    /// Whether the session may come back when its worker dies.
    private(set) var isResumable: Bool
    /// The highest epoch that a kernel has named.
    private(set) var epoch: SessionEpoch
    /// Whether the peer runs this extender too, as far as it said.
    var hasExtender = false
    /// The link that carries the session; `nil` while it is suspended.
    private(set) weak var link: WorkerLink?
    /// Ends a session that stays suspended.
    var suspension: Scheduled<Void>?

    private var credit: MessageCredit
    private var waiting = CircularBuffer<(message: LinkMessage, promise: EventLoopPromise<Void>)>()
    private var streams: [StreamID: LinkedStream] = [:]
    /// What its streams hold.
    let holdings: StreamHoldings
    /// This replica's half of stream names in this session, random: peers see it, so it serves no other session.
    private let half: UInt64
    private var streamCount: UInt64 = 0

    /// The most messages that wait for credit; writers beyond are refused.
    static let waitingMax = 1024

    init(
        _ event: LinkPeerEvent, half: UInt64, window: UInt64, within replica: StreamHoldings, eventLoop: any EventLoop
    ) {
        id = event.session
        peer = PeerIdentity(event.peer)
        self.eventLoop = eventLoop
        isRelayed = event.isRelayed
        isResumable = event.isResumable
        epoch = event.epoch
        credit = MessageCredit(window: window)
        self.half = half
        holdings = StreamHoldings(within: replica)
    }

    func isCarried(by link: WorkerLink) -> Bool { self.link === link }

    // MARK: Coming and going

    /// The session stands on a link: messages begin anew, streams tell where they stand.
    func stand(on link: WorkerLink, as event: LinkPeerEvent) {
        suspension?.cancel()
        suspension = nil
        self.link = link
        isRelayed = event.isRelayed
        isResumable = event.isResumable
        epoch = event.epoch
        credit = MessageCredit(window: credit.window)
        link.send(.peerCredit(LinkPeerCredit(session: id, limit: credit.window)))
        for stream in Array(streams.values) { stream.resume(on: link, epoch: epoch) }
        if epoch > 0 { link.send(.streamsResumed(LinkStreamsResumed(session: id, epoch: epoch))) }
        pump()
    }

    /// The way is broken: streams and messages wait.
    func suspend() {
        for stream in streams.values { stream.suspend() }
        link = nil
    }

    /// The session may stand again, but the worker that carried it reset its streams.
    func loseStreams() {
        for stream in Array(streams.values) { stream.received(reset: .peerGone) }
        streams = [:]
    }

    /// The session is gone, and everything on it.
    func end() {
        suspension?.cancel()
        suspension = nil
        loseStreams()
        for (_, promise) in waiting { promise.fail(ExtenderFailure(.sessionEnded)) }
        waiting.removeAll()
        link = nil
    }

    // MARK: Streams

    /// Opens a stream, or has it wait until the session stands again.
    func open(_ priority: Priority, limits: ExtenderLimits) throws(ExtenderFailure) -> LinkedStream {
        guard streams.count < WorkerLink.streamsMax else { throw ExtenderFailure(.overloaded) }
        streamCount += 1
        let stream = LinkedStream(
            opening: StreamID(replica: half, counter: streamCount), on: self, priority: priority, limits: limits)
        streams[stream.id] = stream
        if let link { stream.begin(on: link, epoch: epoch) }
        return stream
    }

    /// Takes a stream that the peer opened; `false` where one of that name is there.
    func accept(_ stream: LinkedStream) -> Bool {
        guard streams[stream.id] == nil else { return false }
        streams[stream.id] = stream
        return true
    }

    func settled(_ stream: LinkedStream) {
        if streams[stream.id] === stream { streams[stream.id] = nil }
    }

    // MARK: Messages

    func write(_ message: LinkMessage, _ promise: EventLoopPromise<Void>) {
        guard waiting.count < Self.waitingMax else { return promise.fail(ExtenderFailure(.overloaded)) }
        waiting.append((message, promise))
        pump()
    }

    func received(limit: UInt64) {
        credit.sendLimit = max(credit.sendLimit, limit)
        pump()
    }

    /// The handler has consumed a message that came in `epoch`.
    func consumed(_ count: Int, in epoch: SessionEpoch) {
        guard epoch == self.epoch, let link, let limit = credit.consumed(count) else { return }
        link.send(.peerCredit(LinkPeerCredit(session: id, limit: limit)))
        link.flush()
    }

    private func pump() {
        guard let link else { return }
        while let next = waiting.first, credit.admits(next.message.payload.readableBytes) {
            waiting.removeFirst()
            link.send(.message(next.message))
            next.promise.succeed(())
        }
        link.flush()
    }
}

/// Credit for the messages of one session on one link, in both directions.
private struct MessageCredit {
    let window: UInt64
    /// Payload bytes that may be sent in all, and that were.
    var sendLimit: UInt64 = 0
    private var sentCount: UInt64 = 0
    /// Payload bytes that the handler has consumed, and up to where the kernel was told that it may send.
    private var consumedCount: UInt64 = 0
    private var grantedLimit: UInt64

    init(window: UInt64) {
        self.window = window
        grantedLimit = window
    }

    /// Counts a message that may be sent; `false` where it may not.
    mutating func admits(_ count: Int) -> Bool {
        guard sentCount + UInt64(count) <= sendLimit else { return false }
        sentCount += UInt64(count)
        return true
    }

    /// The new limit to tell the kernel, once half a window is due.
    mutating func consumed(_ count: Int) -> UInt64? {
        consumedCount += UInt64(count)
        guard consumedCount + window >= grantedLimit + window / 2 else { return nil }
        grantedLimit = consumedCount + window
        return grantedLimit
    }
}
