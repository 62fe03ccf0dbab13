import GateModel

/// What the streams of a session may have on the way to a peer.
extension SessionEndpoint {
    /// A stream's share of ``streamBytesMax`` now.
    var streamWindow: UInt64 {
        let share = SessionEndpoint.streamBytesMax / UInt64(max(streams.count, 1))
        return min(max(share, StreamLimits.openerCredit), StreamLimits.windowMax)
    }

    /// What a stream that begins may have on the way: no more than the others leave of ``streamBytesMax``, whose shares
    /// were greater while they were fewer.
    var firstWindow: UInt64 {
        let waiting = UInt64(driver?.waitingByteCount ?? 0)
        let taken = streams.values.reduce(waiting) { $0 + $1.credit.aheadBytes }
        let left = SessionEndpoint.streamBytesMax - min(taken, SessionEndpoint.streamBytesMax)
        return min(streamWindow, max(left, StreamLimits.openerCredit))
    }
}
