/// The unit of circuits: 2,048 bytes, whatever they carry and wherever on the circuit they are.
///
/// | offset | bytes | what |
/// | --- | --- | --- |
/// | 0 | 4 | circuit id on this session, big-endian; the session's initiator allots odd ones, its responder even ones |
/// | 4 | 1 | ``CellKind`` |
/// | 5 | 2,043 | body |
///
/// The body of a layered cell is a *region* and a random tail. The hop at depth `d` opens or seals the region's first
/// 2,043 − 17·d bytes:
///
/// | bytes | what |
/// | --- | --- |
/// | 2,043 − 17·(d + 1) | the inner region: the next hop's, or a ``CellPayload`` |
/// | 1 | ``CellFlag``: for you, or pass on (encrypted with the inner region) |
/// | 16 | tag (cipher of the hop's suite, nonce = the layer's counter in this direction) |
///
/// So opening a layer leaves the next one where it belongs, and only the tail is written anew, with fresh random bytes.
package enum Cell {
    /// The size of every cell.
    package static let byteCount = 2048
    /// Circuit id and kind.
    package static let headerByteCount = 5
    /// What follows the header.
    package static let bodyByteCount = byteCount - headerByteCount
    /// What each layer adds: a flag and a tag.
    package static let layerByteCount = 17
    /// The greatest depth of a hop; deeper ones are refused at build.
    package static let depthMax = 15

    /// How many bytes of the body belong to the region that the hop at `depth` opens or seals.
    package static func regionByteCount(depth: Int) -> Int { bodyByteCount - layerByteCount * depth }
}

/// What a cell is for, as far as the two neighbours that exchange it may know.
package enum CellKind: UInt8, Sendable {
    /// A fragment of a hop handshake's first flight, towards the new hop.
    case create = 1
    /// A fragment of the answer, from the new hop.
    case created = 2
    /// Layered, or beyond the last hop plain: everything once a hop is in.
    case relay = 3
    /// The last hop asks its neighbour to be the destination.
    case open = 4
}

/// The one byte inside a layer that tells a hop (or, in reverse, the origin) what the inner region is.
package enum CellFlag: UInt8, Sendable {
    /// The region goes on to the next hop; in reverse: it came from further away.
    case passOn = 0
    /// The region is a ``CellPayload`` for this hop; in reverse: by this hop.
    case forYou = 1
}

/// Circuit id and kind of one cell.
package struct CellHeader: Equatable, Sendable {
    /// The circuit on this session.
    package var circuit: UInt32
    /// What the cell is for.
    package var kind: CellKind

    /// Joins both.
    package init(circuit: UInt32, kind: CellKind) {
        self.circuit = circuit
        self.kind = kind
    }

    /// Reads the header of the cell that starts at `cell`; `nil` where no such kind exists.
    /// `cell` holds at least ``Cell/headerByteCount`` bytes.
    init?(_ cell: UnsafeRawBufferPointer) {
        guard let kind = CellKind(rawValue: cell[4]) else { return nil }
        self.init(circuit: CellHeader.circuit(of: cell), kind: kind)
    }

    /// The circuit id of the cell that starts at `cell`.
    static func circuit(of cell: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(bigEndian: cell.loadUnaligned(fromByteOffset: 0, as: UInt32.self))
    }

    /// Writes the header of the cell that starts at `cell`.
    func write(to cell: UnsafeMutableRawBufferPointer) {
        cell.storeBytes(of: circuit.bigEndian, toByteOffset: 0, as: UInt32.self)
        cell[4] = kind.rawValue
    }
}
