import GateModel
import GateTransport

extension SessionEndpoint {
    /// What a stream that begins may have on the way: no more than the others leave of ``streamBytesMax``, whose shares
    /// were greater while they were fewer.
    var firstWindow: UInt64 {
        let waiting = UInt64(driver?.waitingByteCount ?? 0)
        let taken = streams.values.reduce(waiting) { $0 + $1.credit.aheadBytes }
        let left = SessionEndpoint.streamBytesMax - min(taken, SessionEndpoint.streamBytesMax)
        return min(streamWindow, max(left, StreamLimits.openerCredit))
    }

    /// How long a peer may take nothing at all while much waits for it.
    static let stallTime: Duration = .seconds(60)

    /// Whether the peer does not read, though it may talk: much waits, and for a long time nothing of it went. Asked with
    /// each flush, so at least with each ping that keeps the session from being idle.
    func isStalled(_ waiting: Int) -> Bool {
        guard waiting > SessionEndpoint.highWaterBytes else {
            stall = nil
            return false
        }
        let now = SystemClock.now()
        guard let stall, waiting >= stall.waiting else {
            self.stall = (waiting, now)
            return false
        }
        return now >= stall.since + SessionEndpoint.stallTime
    }
}
