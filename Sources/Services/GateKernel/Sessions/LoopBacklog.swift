import GateModel
import GateTransport
import NIOCore

/// What waits in all sessions of one event loop for their peers: tells each how much it may be lent, and ends the slowest
/// where too much waits.
///
/// While less than half of ``bytesMax`` waits, a session's streams may borrow a quarter of what is left of that half at each
/// step (``CreditLedger``): few have all that they can use, many less each. Beyond, nothing is lent. What nobody holds back
/// (streams' own bytes, what was told before, what sockets queue) may go on from there, up to ``bytesMax``.
///
/// `@unchecked Sendable`: used on that loop only.
final class LoopBacklog: @unchecked Sendable {
    private var backlog: Backlog
    /// Whether sessions are about to end.
    private var isEnding = false

    /// What may wait on a loop in any case: more than streams and messages of one session may have on their way.
    static let bytesMaxLeast = 32 << 20

    init(bytesMax: Int = .max) { backlog = Backlog(bytesMax: bytesMax) }

    /// Bytes that may wait.
    var bytesMax: Int {
        get { backlog.bytesMax }
        set { backlog.bytesMax = newValue }
    }

    /// Bytes that wait.
    var bytes: Int { backlog.bytes }

    /// How much a session in which so much waits may be lent.
    func room(waiting: Int) -> CreditRoom { backlog.room(waiting: waiting) }

    /// So much waits in the session from now on, and its peer took so many bytes so far. The slowest end in a later turn of
    /// the loop: this one may be amid something.
    func count(_ waiting: Int, taken: UInt64, by session: SessionEndpoint) {
        let (least, counted) = (Backlog.leastBytes, session.counted)
        session.counted = (waiting, taken)
        guard waiting >= least || counted.waiting >= least else { return }
        backlog.count(waiting, taken: taken, before: counted.taken, by: session, at: SystemClock.now())
        guard backlog.isOver, !isEnding else { return }
        isEnding = true
        session.eventLoop.assumeIsolated().execute { self.endSlowest() }
    }

    /// Looks at all again that count: of what sockets queue nobody hears when it has gone.
    func recount() { for case let session as SessionEndpoint in backlog.members { session.recount() } }

    /// The session has ended.
    func leave(_ session: SessionEndpoint) {
        session.counted = (0, 0)
        backlog.leave(session)
    }

    private func endSlowest() {
        recount()
        isEnding = false
        for case let session as SessionEndpoint in backlog.takeSlowest(at: SystemClock.now()) where !session.isOver {
            session.endsAsSlowest()
        }
    }
}

extension Backlog {
    /// A session may be lent what is left over this at most.
    private static let shareOfRest = 4

    /// How much a session in which so much waits may be lent.
    func room(waiting: Int) -> CreditRoom {
        let rest = max(bytesMax / 2 - bytes, 0)
        return CreditRoom(bytes: UInt64(waiting + rest / Backlog.shareOfRest), isCrowded: rest == 0)
    }
}
