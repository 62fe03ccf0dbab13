import GateModel

/// How many bytes of compressed messages one session may have unfolded: what it sends becomes 32 times as much, by work on
/// the loop that serves others.
///
/// Beyond the allowance no record is read until the work is made up for, so that the peer waits; nothing is refused.
struct UnfoldingAllowance {
    /// Bytes a second in the long run.
    static let bytesPerSecond = 32 << 20
    /// Bytes at once after a while without any.
    static let burstBytes = 4 << 20
    /// What the shortest message counts for: its stream is begun and wiped like any other.
    static let messageBytesMin = 1024

    private static let burstTime = time(for: burstBytes)
    /// When all that was unfolded so far is made up for.
    private var madeUp: MonotonicInstant?

    /// Counts a message that was unfolded to so many bytes.
    mutating func count(_ byteCount: Int, at now: MonotonicInstant) {
        let counted = max(byteCount, UnfoldingAllowance.messageBytesMin)
        madeUp = max(madeUp ?? now, now) + UnfoldingAllowance.time(for: counted)
    }

    /// When records may be read again; `nil` where they may now.
    func pause(at now: MonotonicInstant) -> MonotonicInstant? {
        guard let madeUp else { return nil }
        let end = madeUp + (.zero - UnfoldingAllowance.burstTime)
        return end > now ? end : nil
    }

    private static func time(for byteCount: Int) -> Duration { .seconds(1) * byteCount / bytesPerSecond }
}
