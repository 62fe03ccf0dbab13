package import GateModel
package import NIOCore

/// Who takes what a stream brings. All calls come on one event loop; between two of them nothing else of the stream runs.
package protocol StreamSink: AnyObject {
    /// Bytes in order, never empty; counted as held until the sink says that they are consumed.
    func received(_ bytes: ByteBuffer)
    /// The link's read is over: the moment to flush.
    func batchCompleted()
    /// The other end sends no more.
    func receivedFinish()
    /// Both directions ended.
    func receivedReset(_ code: StreamResetCode)
    /// All that was written went to the link: more may be written.
    func drained()
}

/// What the user of a stream tells it, on one event loop.
package protocol StreamPort: AnyObject {
    /// Whether what was written has gone on, so that more may be written without piling up.
    var acceptsMore: Bool { get }
    /// Hands over bytes; they wait until there is credit and the link takes more.
    func write(_ bytes: ByteBuffer)
    /// Ends a batch of writes, finishes or consumptions.
    func flush()
    /// Sends no more after what was written.
    func finish()
    /// Ends both directions.
    func reset(_ code: StreamResetCode)
    /// `count` bytes need no longer be held: they return as credit.
    func consumed(_ count: Int)
}

/// Takes what nobody reads any more.
final class DiscardingSink: StreamSink {
    private unowned let stream: LinkedStream

    init(_ stream: LinkedStream) { self.stream = stream }

    func received(_ bytes: ByteBuffer) { stream.consumed(bytes.readableBytes) }
    func batchCompleted() {}
    func receivedFinish() {}
    func receivedReset(_ code: StreamResetCode) {}
    func drained() {}
}
