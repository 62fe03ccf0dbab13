import NIOCore

/// What an origin asks of the last hop so far: reach this node and pass it a hop handshake's first flight.
///
/// | bytes | what |
/// | --- | --- |
/// | 2 | length of the record, 8,192 at most |
/// | … | the next node's signed record |
/// | 1 | number of `create` cells to use, 1 to 8 |
/// | … | the content of these: depth, then the flight |
struct ExtendRequest: Equatable {
    var record: ByteBuffer
    var cellCount: Int
    var handshake: ByteBuffer

    /// The most `create` cells that a hop sends for one request.
    static let cellsMax = 8

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeInteger(UInt16(truncatingIfNeeded: record.readableBytes))
        buffer.writeImmutableBuffer(record)
        buffer.writeInteger(UInt8(truncatingIfNeeded: cellCount))
        buffer.writeImmutableBuffer(handshake)
    }

    /// Reads the whole of `message`; `nil` where a length is beyond it or a bound.
    static func decode(_ message: ByteBuffer) -> ExtendRequest? {
        var message = message
        guard let length = message.readInteger(as: UInt16.self), Int(length) <= RelayLimits.recordBytesMax,
            let record = message.readSlice(length: Int(length)), let count = message.readInteger(as: UInt8.self),
            (1...cellsMax).contains(Int(count)), message.readableBytes > 0,
            message.readableBytes <= Int(count) * CellPayload.handshakeByteCount
        else { return nil }
        return ExtendRequest(record: record, cellCount: Int(count), handshake: message)
    }
}
