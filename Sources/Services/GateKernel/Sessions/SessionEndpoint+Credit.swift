import GateModel

extension SessionEndpoint {
    /// What a stream that begins may have on the way: no more than the others leave of ``streamBytesMax``, whose shares
    /// were greater while they were fewer.
    var firstWindow: UInt64 {
        let waiting = UInt64(driver?.waitingByteCount ?? 0)
        let taken = streams.values.reduce(waiting) { $0 + $1.credit.aheadBytes }
        let left = SessionEndpoint.streamBytesMax - min(taken, SessionEndpoint.streamBytesMax)
        return min(streamWindow, max(left, StreamLimits.openerCredit))
    }
}
