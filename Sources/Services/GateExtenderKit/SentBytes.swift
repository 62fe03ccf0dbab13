import NIOCore

/// What a stream has sent and the other end may not have: slices of what was written, no copies but of small pieces, which
/// would each hold a large buffer. Bounded by the credit that they were sent with.
struct SentBytes {
    private var pieces = CircularBuffer<ByteBuffer>()
    /// The stream's offset of the first byte kept.
    private var start: UInt64 = 0
    /// Whether the last piece is a copy, to which more may be added.
    private var isLastJoined = false

    /// Pieces that fill less than half of their buffer and are no longer than this are copied and joined.
    private static let smallBytesMax = 8 * 1024
    private static let joinedBytesMax = 16 * 1024

    mutating func append(_ bytes: ByteBuffer) {
        guard bytes.readableBytes <= Self.smallBytesMax, bytes.storageCapacity > 2 * bytes.readableBytes else {
            pieces.append(bytes)
            isLastJoined = false
            return
        }
        if isLastJoined, let last = pieces.indices.last,
            pieces[last].readableBytes + bytes.readableBytes <= Self.joinedBytesMax
        {
            pieces[last].writeImmutableBuffer(bytes)
        } else {
            pieces.append(ByteBuffer(bytes: bytes.readableBytesView))
            isLastJoined = true
        }
    }

    /// Bytes below `offset` are not needed any more.
    mutating func release(below offset: UInt64) {
        while let first = pieces.indices.first, start < offset {
            let count = min(pieces[first].readableBytes, Int(clamping: offset - start))
            start += UInt64(count)
            if count == pieces[first].readableBytes {
                pieces.removeFirst()
            } else {
                pieces[first].moveReaderIndex(forwardBy: count)
            }
        }
    }

    /// Gives up all bytes from `offset` on, in order, to be sent again.
    mutating func takeAll(from offset: UInt64) -> CircularBuffer<ByteBuffer> {
        release(below: offset)
        start = offset
        isLastJoined = false
        defer { pieces = [] }
        return pieces
    }

    mutating func removeAll() {
        pieces = []
        isLastJoined = false
    }
}
