import GateModel

/// The three deadlines that every circuit's machine has.
struct CircuitClock {
    private let bornAt: MonotonicInstant
    private let limits: RelayLimits
    private var lastCellAt: MonotonicInstant
    private var builtBy: MonotonicInstant?

    init(at now: MonotonicInstant, building: Duration, limits: RelayLimits) {
        bornAt = now
        lastCellAt = now
        builtBy = now + building
        self.limits = limits
    }

    /// A cell came or went.
    mutating func touched(at now: MonotonicInstant) { lastCellAt = max(lastCellAt, now) }

    /// The circuit stands: only idleness and age end it now.
    mutating func built() { builtBy = nil }

    /// When to look again.
    var nextDeadline: MonotonicInstant {
        let expiry = min(lastCellAt + limits.idleTime, bornAt + limits.lifetime)
        return builtBy.map { min($0, expiry) } ?? expiry
    }

    /// Whether the build took too long.
    func isBuildLate(at now: MonotonicInstant) -> Bool { builtBy.map { now >= $0 } ?? false }
}
