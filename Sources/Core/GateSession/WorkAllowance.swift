import GateModel

/// How much work peers may make that costs them next to nothing: compressed messages unfold to 32 times what was sent, and
/// a stream that is opened and reset is 50 bytes here and a task in an extender there. All of it is on loops and in
/// processes that serve others.
///
/// Reckoned in bytes unfolded. Beyond the allowance no record is read until the work is made up for, so that the peer
/// waits; nothing is refused. Each session has one, and all sessions of a loop together have another, as large as
/// ``sessionsPerLoop`` of them: where that is used up, those wait that made work of late, and others are read as ever.
package struct WorkAllowance {
    /// Bytes of a session a second in the long run.
    static let bytesPerSecond = 32 << 20
    /// Bytes of a session at once after a while without any.
    static let burstBytes = 4 << 20
    /// What the shortest message counts for: its stream is begun and wiped like any other.
    static let messageBytesMin = 1024
    /// What a stream counts for that the peer opens or goes on with: 2,048 a second, 256 at once.
    static let streamBytes = 16 << 10
    /// How many sessions may use all of theirs on one loop at once.
    static let sessionsPerLoop = 4

    private static let burstTime = Duration.seconds(1) * burstBytes / bytesPerSecond
    private let sessionCount: Int
    /// When all that was done so far is made up for.
    private var madeUp: MonotonicInstant?

    /// As much as that many sessions have.
    init(sessionCount: Int = 1) { self.sessionCount = sessionCount }

    /// Counts a message that was unfolded to so many bytes.
    mutating func count(unfolded byteCount: Int, at now: MonotonicInstant) {
        count(max(byteCount, WorkAllowance.messageBytesMin), at: now)
    }

    /// Counts a stream that the peer began.
    mutating func countStream(at now: MonotonicInstant) { count(WorkAllowance.streamBytes, at: now) }

    /// When records may be read again; `nil` where they may now. `shared` is the loop's.
    func pause(at now: MonotonicInstant, shared: WorkAllowance) -> MonotonicInstant? {
        guard let madeUp, madeUp > now else { return nil }
        return end(at: now) ?? shared.end(at: now)
    }

    /// When less than a burst is left to make up for, where that is not yet.
    private func end(at now: MonotonicInstant) -> MonotonicInstant? {
        guard let madeUp else { return nil }
        let end = madeUp + (.zero - WorkAllowance.burstTime)
        return end > now ? end : nil
    }

    private mutating func count(_ byteCount: Int, at now: MonotonicInstant) {
        let time = Duration.seconds(1) * byteCount / (WorkAllowance.bytesPerSecond * sessionCount)
        madeUp = max(madeUp ?? now, now) + time
    }
}
