import NIOCore

/// One direction of a circuit through a hop: what its sender may still send us, what we may still send on, and the
/// cells that wait in between. Those never exceed the window granted, so a circuit's memory is known when it begins.
struct CellFlow {
    /// What the sender may still send us.
    var grant = CellGrant()
    /// What the receiver still allows us.
    var credit = CellCredit()
    /// Cells that wait for credit.
    private(set) var waitingCount = 0
    /// The most that ever waited.
    private(set) var waitingCountMax = 0
    /// Cells passed on so far.
    private(set) var forwardedCount: UInt64 = 0
    private var waiting = BufferQueue()

    /// Queues cells to be passed on, headers already those of the next session.
    mutating func enqueue(_ cells: ByteBuffer) {
        waitingCount += cells.readableBytes / Cell.byteCount
        waitingCountMax = max(waitingCountMax, waitingCount)
        waiting.append(cells)
    }

    /// Takes what may go now, in order; call until `nil`.
    mutating func next() -> ByteBuffer? {
        let count = min(waitingCount, credit.forData)
        guard count > 0, let cells = waiting.next(upTo: count * Cell.byteCount) else { return nil }
        let taken = cells.readableBytes / Cell.byteCount
        waitingCount -= taken
        forwardedCount += UInt64(taken)
        _ = credit.spend(taken)
        grant.released(taken)
        return cells
    }
}

/// Buffers in order, without copies.
struct BufferQueue {
    private var buffers: [ByteBuffer] = []
    private var head = 0

    mutating func append(_ buffer: ByteBuffer) { buffers.append(buffer) }

    /// The first buffer, or its first `byteCount` bytes.
    mutating func next(upTo byteCount: Int) -> ByteBuffer? {
        guard head < buffers.count else { return nil }
        if buffers[head].readableBytes > byteCount { return buffers[head].readSlice(length: byteCount) }
        let buffer = buffers[head]
        buffers[head] = ByteBuffer()
        head += 1
        if head == buffers.count {
            buffers.removeAll(keepingCapacity: true)
            head = 0
        } else if head >= 64 {
            buffers.removeFirst(head)
            head = 0
        }
        return buffer
    }
}
