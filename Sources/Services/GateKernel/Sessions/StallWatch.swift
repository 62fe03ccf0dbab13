import GateModel

/// Finds a peer that does not read, though it may talk: much waits for it, and its carrier takes nothing. Looked at with
/// each flush, so at least with each ping that keeps its session from being idle.
struct StallWatch {
    /// How long a peer may take nothing at all while much waits for it.
    static let patience = Duration.seconds(60)

    /// Since when nothing was sealed although much waits, as far as anybody looked.
    private var stall: (sealed: UInt64, since: MonotonicInstant)?

    /// Whether the session has to end; `waiting` bytes wait, and so many were `sealed` so far.
    mutating func isStalled(waiting: Int, sealed: UInt64, at time: @autoclosure () -> MonotonicInstant) -> Bool {
        guard waiting > SessionEndpoint.highWaterBytes else {
            stall = nil
            return false
        }
        let now = time()
        guard let stall, stall.sealed == sealed else {
            self.stall = (sealed, now)
            return false
        }
        return now >= stall.since + StallWatch.patience
    }
}
