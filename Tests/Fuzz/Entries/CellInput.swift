import GateModel
import GateRelay
import NIOCore

/// The body of a `cells` message, split into runs, and the runs as a destination gets them.
///
/// Cells are nearly all filling, so an input is short pieces, each the beginning of a cell: its length (2 bytes,
/// big-endian), then its bytes.
enum CellInput {
    /// As many as come in one message.
    private static let cellsMax = 31

    static func run(_ bytes: [UInt8]) {
        let now = MonotonicInstant(nanoseconds: 0)
        var destination = CircuitDestination(circuit: 1, limits: RelayLimits(), at: now)
        let body = cells(of: bytes)
        var actions: [CircuitAction] = []
        var runs = CellRuns(body)
        while let run = runs.next() { destination.received(run.cells, at: now, into: &actions) }
        precondition(receivedBytes(actions) <= body.readableBytes, "no more comes out than went in")

        let room = destination.writableByteCount
        var answer = ByteBuffer(repeating: 7, count: 5000)
        destination.send(&answer, at: now, into: &actions)
        precondition(5000 - answer.readableBytes <= room, "no more is sent than the credit allows")
    }

    /// Whole cells of an input's pieces; the first ones where there are more than a message holds.
    static func cells(of bytes: [UInt8]) -> ByteBuffer {
        var input = ByteBuffer(bytes: bytes)
        var cells = ByteBuffer()
        while input.readableBytes > 0, cells.readableBytes < cellsMax * Cell.byteCount {
            let length = min(Int(input.readInteger(as: UInt16.self) ?? 0), input.readableBytes, Cell.byteCount)
            cells.writeImmutableBuffer(input.readSlice(length: length) ?? ByteBuffer())
            if input.readableBytes == 1 { input.moveReaderIndex(forwardBy: 1) }
            cells.writeRepeatingByte(0, count: (Cell.byteCount - cells.readableBytes % Cell.byteCount) % Cell.byteCount)
            if length == 0 { cells.writeRepeatingByte(0, count: Cell.byteCount) }
        }
        return cells
    }

    /// A piece of an input.
    static func piece(_ cell: [UInt8]) -> [UInt8] {
        [UInt8(truncatingIfNeeded: cell.count >> 8), UInt8(truncatingIfNeeded: cell.count)] + cell
    }

    private static func receivedBytes(_ actions: [CircuitAction]) -> Int {
        actions.reduce(0) { sum, action in
            guard case .received(let bytes) = action else { return sum }
            return sum + bytes.readableBytes
        }
    }

    /// A circuit that is opened, then data; in one run and with another circuit's cell between.
    static let seeds: [[UInt8]] = {
        let open: [UInt8] = [0, 0, 0, 1, CellKind.open.rawValue, 8, 0, 0, 1, 2]
        let data: [UInt8] = [0, 0, 0, 1, CellKind.relay.rawValue, 1, 0, 0, 5] + Array("hello".utf8)
        let other: [UInt8] = [0, 0, 0, 3, CellKind.create.rawValue, 2, 0, 0, 1, 1]
        return [[open], [open, data, data], [open, other, data], [data]].map { $0.flatMap(piece) }
    }()
}
