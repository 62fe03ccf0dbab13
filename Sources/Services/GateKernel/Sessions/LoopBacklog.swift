import GateTransport
import NIOCore

/// What waits in all sessions of one event loop: tells each how much it may be lent, and ends the slowest where too much
/// waits.
///
/// `@unchecked Sendable`: used on that loop only.
final class LoopBacklog: @unchecked Sendable {
    private var backlog: Backlog<SessionEndpoint>
    /// Whether sessions are about to end.
    private var isOver = false

    /// What may wait on a loop in any case: a few sessions with all that streams and messages may have on their way.
    static let bytesMaxLeast = 16 << 20

    init(bytesMax: Int = .max) { backlog = Backlog(bytesMax: bytesMax) }

    /// Bytes that may wait.
    var bytesMax: Int {
        get { backlog.bytesMax }
        set { backlog.bytesMax = newValue }
    }

    /// Bytes that wait.
    var bytes: Int { backlog.bytes }

    func room(of session: SessionEndpoint) -> CreditRoom { backlog.room(waiting: session.countedBytes) }

    /// So much waits in the session from now on. The slowest end in a later turn of the loop: this one may be amid something.
    func count(_ waiting: Int, sealed: UInt64, by session: SessionEndpoint) {
        let least = Backlog<SessionEndpoint>.leastBytes
        let counted = session.countedBytes
        session.countedBytes = waiting
        guard waiting >= least || counted >= least else { return }
        backlog.count(waiting, sealed: sealed, by: session, at: SystemClock.now())
        guard backlog.isOver, !isOver else { return }
        isOver = true
        session.eventLoop.assumeIsolated().execute { self.endSlowest() }
    }

    /// The session has ended.
    func leave(_ session: SessionEndpoint) {
        session.countedBytes = 0
        backlog.leave(session)
    }

    private func endSlowest() {
        isOver = false
        for session in backlog.takeSlowest(at: SystemClock.now()) { session.endsAsSlowest() }
    }
}
