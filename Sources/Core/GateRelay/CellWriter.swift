import NIOCore

/// Makes runs of cells for one circuit.
enum CellWriter {
    /// The most cells in one `cells` message, so that it fits a record.
    static let runMax = 31

    /// Cells whose body is one plain region: hop handshakes and `open`. `message` is spread over exactly `count` cells,
    /// the last ones perhaps empty; it fits.
    static func plain(
        _ header: CellHeader, _ command: CircuitCommand, _ message: ByteBuffer, count: Int
    ) -> ByteBuffer {
        precondition(
            message.readableBytes <= count * CellPayload.handshakeByteCount && count <= RelayLimits.fragmentsMax,
            "a handshake fits its cells")
        var message = message
        var cells = ByteBuffer()
        cells.reserveCapacity(count * Cell.byteCount)
        for index in 0..<count {
            write(header, into: &cells) { body in
                var part =
                    message.readSlice(length: min(CellPayload.handshakeByteCount, message.readableBytes))
                    ?? ByteBuffer()
                CellPayload.write(command, remaining: count - 1 - index, from: &part, region: body)
                return true
            }
        }
        return cells
    }

    /// How many cells to send next for so many bytes under so much credit.
    static func runCount(for byteCount: Int, payloadByteCount: Int, credit: Int) -> Int {
        min(credit, runMax, (byteCount + payloadByteCount - 1) / payloadByteCount)
    }

    /// Appends one cell whose body `fill` writes; where it says `false`, nothing is appended.
    @discardableResult
    static func write(
        _ header: CellHeader, into cells: inout ByteBuffer, fill: (UnsafeMutableRawBufferPointer) -> Bool
    ) -> Bool {
        var isFilled = false
        cells.writeWithUnsafeMutableBytes(minimumWritableBytes: Cell.byteCount) { memory in
            header.write(to: memory)
            isFilled = fill(UnsafeMutableRawBufferPointer(rebasing: memory[Cell.headerByteCount..<Cell.byteCount]))
            return isFilled ? Cell.byteCount : 0
        }
        return isFilled
    }
}
