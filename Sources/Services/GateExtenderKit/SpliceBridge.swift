import GateModel
import NIOCore

/// Joins a splice's two ends where they live on different event loops: one `execute` per batch in each direction.
///
/// `@unchecked Sendable`: every property belongs to one of the two loops, as grouped, and is touched on that loop only.
final class SpliceBridge: StreamSink, StreamPort, @unchecked Sendable {
    private let streamLoop: any EventLoop
    private let channelLoop: any EventLoop

    // of the stream's loop
    private var stream: LinkedStream?
    private var inbox: [ByteBuffer] = []
    private var unreportedCount = 0

    // of the channel's loop
    var handler: SpliceHandler?
    private var outbox: [ByteBuffer] = []
    private var outboxCount = 0
    private var consumedCount = 0
    private var inFlightCount = 0

    /// Bytes from the channel that may be on their way to the link before the channel is read no more.
    private static let inFlightMax = 512 * 1024

    init(stream: LinkedStream, streamLoop: any EventLoop, channelLoop: any EventLoop) {
        self.stream = stream
        self.streamLoop = streamLoop
        self.channelLoop = channelLoop
    }

    // MARK: on the stream's loop

    func received(_ bytes: ByteBuffer) { inbox.append(bytes) }

    func batchCompleted() {
        guard !inbox.isEmpty else { return }
        let batch = inbox
        inbox = []
        channelLoop.execute {
            for bytes in batch { self.handler?.received(bytes) }
            self.handler?.batchCompleted()
        }
    }

    func receivedFinish() {
        // What came before it in the same batch goes first.
        batchCompleted()
        channelLoop.execute { self.handler?.receivedFinish() }
    }

    func receivedReset(_ code: StreamResetCode) {
        stream = nil
        channelLoop.execute { self.handler?.receivedReset(code) }
    }

    func drained() {
        guard unreportedCount > 0 else { return }
        let count = unreportedCount
        unreportedCount = 0
        channelLoop.execute { self.wentOn(count) }
    }

    private func send(_ batch: [ByteBuffer], _ count: Int, consumed: Int) {
        guard let stream else { return }
        for bytes in batch { stream.write(bytes) }
        if consumed > 0 { stream.consumed(consumed) }
        stream.flush()
        unreportedCount += count
        if stream.acceptsMore { drained() }
    }

    // MARK: on the channel's loop

    var acceptsMore: Bool { inFlightCount < Self.inFlightMax }

    func write(_ bytes: ByteBuffer) {
        outbox.append(bytes)
        outboxCount += bytes.readableBytes
        inFlightCount += bytes.readableBytes
    }

    func consumed(_ count: Int) { consumedCount += count }

    func flush() {
        guard outboxCount > 0 || consumedCount > 0 else { return }
        let batch = outbox
        let count = outboxCount
        let consumed = consumedCount
        outbox = []
        outboxCount = 0
        consumedCount = 0
        streamLoop.execute { self.send(batch, count, consumed: consumed) }
    }

    func finish() {
        flush()
        streamLoop.execute {
            self.stream?.finish()
            self.stream?.flush()
        }
    }

    func reset(_ code: StreamResetCode) {
        handler = nil
        streamLoop.execute {
            self.stream?.reset(code)
            self.stream?.flush()
        }
    }

    private func wentOn(_ count: Int) {
        let wasFull = !acceptsMore
        inFlightCount -= count
        if wasFull, acceptsMore { handler?.drained() }
    }
}
