import NIOCore

/// What the ends of a layer say to each other, and the last hop and the destination.
enum CircuitCommand: UInt8 {
    /// Bytes of the end-to-end connection, either way. Never fragmented.
    case data = 1
    /// A hop handshake's flight, in `create` and `created` cells. The first: depth (1 byte), then the flight.
    case handshake = 2
    /// Origin to hop: ``ExtendRequest``.
    case extend = 3
    /// Hop to origin: the fragments of the next hop's `handshake`, one for one.
    case extended = 4
    /// Origin to the last relay: the destination's signed record.
    case connect = 5
    /// The last relay has asked the destination; empty.
    case connected = 6
    /// The next node can't be reached; empty. The hop may be asked again.
    case failed = 7
    /// The last relay to the destination, in an `open` cell: the destination's depth (1 byte).
    case open = 8
}

/// A region that is not passed on: a piece of data or one fragment of a control message.
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 1 | ``CircuitCommand`` |
/// | 1 | 1 | fragments of the same message still to come, 15 at most |
/// | 2 | 2 | length, big-endian |
/// | 4 | length | bytes |
/// | … | the rest | zeros |
///
/// In `create`, `created` and `open` cells the region is the whole body; handshake fragments fill at most
/// ``handshakeByteCount`` of it, so that each fits any layer.
struct CellPayload {
    static let headerByteCount = 4
    /// The bytes that fit behind the deepest hop.
    static let handshakeByteCount = Cell.regionByteCount(depth: Cell.depthMax + 1) - headerByteCount

    let command: CircuitCommand
    let remaining: Int
    /// Where the bytes are, relative to the region.
    let range: Range<Int>

    /// How many bytes one payload holds in a region of `regionByteCount`.
    static func capacity(of regionByteCount: Int) -> Int { regionByteCount - headerByteCount }

    /// Reads the header of a region; `nil` for an unknown command, too many fragments or a length beyond the region.
    init?(region: UnsafeRawBufferPointer) {
        guard region.count >= CellPayload.headerByteCount, let command = CircuitCommand(rawValue: region[0]) else {
            return nil
        }
        let length = Int(UInt16(bigEndian: region.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        guard length <= region.count - CellPayload.headerByteCount, region[1] < RelayLimits.fragmentsMax,
            command != .data || region[1] == 0
        else { return nil }
        self.command = command
        remaining = Int(region[1])
        range = CellPayload.headerByteCount..<CellPayload.headerByteCount + length
    }

    /// Writes header, the next bytes of `source` (as many as fit) and zeros over the whole region.
    static func write(
        _ command: CircuitCommand, remaining: Int, from source: inout ByteBuffer,
        region: UnsafeMutableRawBufferPointer
    ) {
        let length = min(source.readableBytes, capacity(of: region.count))
        region[0] = command.rawValue
        region[1] = UInt8(truncatingIfNeeded: remaining)
        region.storeBytes(of: UInt16(truncatingIfNeeded: length).bigEndian, toByteOffset: 2, as: UInt16.self)
        let bytes = UnsafeMutableRawBufferPointer(rebasing: region[headerByteCount...])
        _ = source.readWithUnsafeReadableBytes { readable in
            bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: readable[..<length]))
            return length
        }
        let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[length...])
        rest.initializeMemory(as: UInt8.self, repeating: 0)
    }
}
