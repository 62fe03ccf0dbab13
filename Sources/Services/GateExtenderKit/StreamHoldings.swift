import GateModel
import Logging
import Metrics
import NIOCore

/// What streams hold in bytes, of a session or of a whole replica, and which have to go where that is too much: those of
/// which one direction would take longest to be taken, at the pace of the last seconds (``Backlog``). Lives on the replica's
/// event loop.
final class StreamHoldings {
    private var backlog: Backlog
    /// The replica's, for those of a session.
    fileprivate let replica: StreamHoldings?
    private let eventLoop: any EventLoop
    private let logger: Logger
    private static let crowdedOut = Counter(label: "gate.extender.streams.crowded_out")
    /// Whether streams are about to end.
    private var isEnding = false

    /// One session may hold this part of what the replica may.
    private static let sessionShare = 2
    /// Who begins to hold something counts as if so much had just been taken: of a stream that is new nobody can have told
    /// yet that it is.
    private static let freshBytes: UInt64 = 128 * 1024

    /// Of a replica.
    init(bytesMax: Int, eventLoop: any EventLoop, logger: Logger) {
        backlog = Backlog(bytesMax: bytesMax)
        replica = nil
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Of one of its sessions.
    init(within replica: StreamHoldings) {
        backlog = Backlog(bytesMax: replica.backlog.bytesMax / StreamHoldings.sessionShare)
        self.replica = replica
        eventLoop = replica.eventLoop
        logger = replica.logger
    }

    /// The direction holds so much from now on; so much was taken of it in all, and `before` when it last told. The slowest
    /// end in a later turn of the loop: this one may be amid something.
    fileprivate func count(_ held: Int, taken: UInt64, before: UInt64, by bytes: HeldBytes) {
        backlog.count(held, taken: taken + StreamHoldings.freshBytes, before: before, by: bytes, at: now)
        guard backlog.isOver, !isEnding else { return }
        isEnding = true
        eventLoop.assumeIsolated().execute { self.endSlowest() }
    }

    fileprivate func leave(_ bytes: HeldBytes) { backlog.leave(bytes) }

    private func endSlowest() {
        for case let bytes as HeldBytes in backlog.members { bytes.stream?.tellHeld() }
        isEnding = false
        var count = 0
        for case let bytes as HeldBytes in backlog.takeSlowest(at: now) where bytes.stream?.endsAsSlowest() ?? false {
            count += 1
        }
        guard count > 0 else { return }
        StreamHoldings.crowdedOut.increment(by: count)
        logger.info("Streams hold too much: the slowest end", metadata: ["count": "\(count)"])
    }

    private var now: MonotonicInstant {
        MonotonicInstant(nanoseconds: Int64(clamping: NIODeadline.now().uptimeNanoseconds))
    }
}

/// What one stream holds, as ``StreamHoldings`` know it.
final class HeldByStream {
    private let outgoing: HeldBytes
    private let incoming: HeldBytes
    /// Whether the stream holds nothing any more, and will not.
    private(set) var hasLeft = false

    init(in session: StreamHoldings) {
        (outgoing, incoming) = (HeldBytes(in: session), HeldBytes(in: session))
    }

    func belong(to stream: LinkedStream) { (outgoing.stream, incoming.stream) = (stream, stream) }

    /// So much is held of what is sent and was taken of it in all. Less than `least` more or less is no news.
    func tellOutgoing(_ held: Int, taken: UInt64, atLeast least: Int) {
        if !hasLeft { outgoing.tell(held, taken: taken, atLeast: least) }
    }

    /// The same of what came.
    func tellIncoming(_ held: Int, taken: UInt64, atLeast least: Int) {
        if !hasLeft { incoming.tell(held, taken: taken, atLeast: least) }
    }

    /// Nothing that is sent is kept any more.
    func leaveOutgoing() { outgoing.leave() }

    func leave() {
        hasLeft = true
        outgoing.leave()
        incoming.leave()
    }
}

/// One direction of a stream, which counts for its session, as long as that is there, and for the replica.
private final class HeldBytes {
    weak var stream: LinkedStream?
    private weak var session: StreamHoldings?
    private weak var replica: StreamHoldings?
    private var told = (held: 0, taken: UInt64(0))

    init(in session: StreamHoldings) { (self.session, replica) = (session, session.replica) }

    func tell(_ held: Int, taken: UInt64, atLeast least: Int) {
        guard abs(held - told.held) >= least || taken - told.taken >= UInt64(least) else { return }
        session?.count(held, taken: taken, before: told.taken, by: self)
        replica?.count(held, taken: taken, before: told.taken, by: self)
        told = (held, taken)
    }

    func leave() {
        session?.leave(self)
        replica?.leave(self)
    }
}
