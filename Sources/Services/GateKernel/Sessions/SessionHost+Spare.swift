import GateModel
import GateWire
import NIOCore
import Synchronization

/// Second sessions with a node that nobody wants.
extension SessionHost {
    /// How long nothing but pings goes over a session until it is spare.
    static let spareTime = Duration.seconds(600)

    /// Of several direct sessions with a node, those that were of no use for ``spareTime`` end; called every few seconds. The
    /// one with the lowest name stays in any case: both sides may look at once, and not at the same sessions, and of all
    /// that there are between the two nodes nobody ends the lowest.
    func endSpare(at now: MonotonicInstant, after time: Duration = SessionHost.spareTime) {
        for several in kernel.secondSessions {
            guard let kept = several.min(by: { $0.id.value < $1.id.value }) else { continue }
            for session in several where session !== kept {
                session.eventLoop.execute { session.endIfSpare(at: now, after: time) }
            }
        }
    }
}

extension SessionEndpoint {
    /// Ends the session if nothing went over it for so long, and nothing uses it. Who has just asked for it has as long to
    /// use it.
    fileprivate func endIfSpare(at now: MonotonicInstant, after time: Duration) {
        let seen = activity &+ asked.load(ordering: .relaxed)
        guard isIdle, let quiet, quiet.activity == seen else {
            quiet = (seen, now)
            return
        }
        if now - quiet.since >= time { close(.done) }
    }
}
