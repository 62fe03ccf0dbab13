import GateModel

/// How much work one session may make that costs its peer next to nothing: compressed messages unfold to 32 times what was
/// sent, and a stream that is opened and reset is 50 bytes here and a task in an extender there. All of it is on loops and
/// in processes that serve others.
///
/// Reckoned in bytes unfolded. Beyond the allowance no record is read until the work is made up for, so that the peer
/// waits; nothing is refused.
struct WorkAllowance {
    /// Bytes a second in the long run.
    static let bytesPerSecond = 32 << 20
    /// Bytes at once after a while without any.
    static let burstBytes = 4 << 20
    /// What the shortest message counts for: its stream is begun and wiped like any other.
    static let messageBytesMin = 1024
    /// What a stream counts for that the peer opens or goes on with: 2,048 a second, 256 at once.
    static let streamBytes = 16 << 10

    private static let burstTime = time(for: burstBytes)
    /// When all that was done so far is made up for.
    private var madeUp: MonotonicInstant?

    /// Counts a message that was unfolded to so many bytes.
    mutating func count(unfolded byteCount: Int, at now: MonotonicInstant) {
        count(max(byteCount, WorkAllowance.messageBytesMin), at: now)
    }

    /// Counts a stream that the peer began.
    mutating func countStream(at now: MonotonicInstant) { count(WorkAllowance.streamBytes, at: now) }

    /// When records may be read again; `nil` where they may now.
    func pause(at now: MonotonicInstant) -> MonotonicInstant? {
        guard let madeUp else { return nil }
        let end = madeUp + (.zero - WorkAllowance.burstTime)
        return end > now ? end : nil
    }

    private mutating func count(_ byteCount: Int, at now: MonotonicInstant) {
        madeUp = max(madeUp ?? now, now) + WorkAllowance.time(for: byteCount)
    }

    private static func time(for byteCount: Int) -> Duration { .seconds(1) * byteCount / bytesPerSecond }
}
