import GateModel
import Synchronization

/// Whether a worker that has started can still do its work: what `/readyz` is answered from.
final class WorkerHealth: Sendable {
    private struct State {
        var certifiedUntil: UnixTime
        var heardAt: MonotonicInstant
    }

    private let state: Mutex<State>

    /// How long the database may be silent before the worker counts as cut off: it serves whom it knows, but nobody new
    /// learns of it and its certificate is not renewed.
    static let databaseSilenceMax = Duration.seconds(30)

    init(certifiedUntil: UnixTime, at now: MonotonicInstant) {
        state = Mutex(State(certifiedUntil: certifiedUntil, heardAt: now))
    }

    /// The database has answered.
    func heard(at now: MonotonicInstant) { state.withLock { $0.heardAt = max($0.heardAt, now) } }

    /// The certificate was renewed.
    func certified(until end: UnixTime) { state.withLock { $0.certifiedUntil = end } }

    /// Why the worker is not ready; `nil` where it is.
    func unreadiness(at now: MonotonicInstant, wall: UnixTime) -> String? {
        let state = state.withLock(\.self)
        guard state.certifiedUntil > wall else { return "the worker's certificate has expired and is not renewed" }
        let silence = now - state.heardAt
        guard silence <= WorkerHealth.databaseSilenceMax else {
            return "the database service has not answered for \(silence.components.seconds) s"
        }
        return nil
    }
}
