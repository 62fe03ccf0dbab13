package import NIOCore

/// Consecutive cells of one circuit, as they arrived in one message.
package struct CellRun {
    /// The circuit on the session they came by.
    package let circuit: UInt32
    /// The first cell's kind; what tells a new circuit from one that just ended.
    package let kind: CellKind
    /// `n` × 2,048 bytes, headers included; a slice of what arrived.
    package let cells: ByteBuffer

    /// Whether a circuit that nobody knows yet may begin with this run, and as what.
    package var opening: CircuitOpening? {
        switch kind {
        case .create: .hop
        case .open: .destination
        case .created, .relay: nil
        }
    }
}

/// As what a neighbour wants to have us on a new circuit.
package enum CircuitOpening: Equatable, Sendable {
    /// As a relay: make a ``CircuitHop``.
    case hop
    /// As its end: make a ``CircuitDestination``.
    case destination
}

/// Splits the body of a session's `cells` message into runs of one circuit each.
///
///     var cursor = CellRuns(cells)
///     while let run = cursor.next() { … }
///     guard !cursor.isMalformed else { close the session }
package struct CellRuns {
    private var rest: ByteBuffer
    /// Whether the message was no whole number of cells (or empty), or a cell had no known kind. The sender is at fault.
    package private(set) var isMalformed = false

    /// Starts at the first cell of `cells`.
    package init(_ cells: ByteBuffer) {
        rest = cells
        isMalformed = cells.readableBytes == 0 || cells.readableBytes % Cell.byteCount != 0
    }

    /// The next run, or `nil` at the end or where the message is malformed.
    package mutating func next() -> CellRun? {
        guard !isMalformed, rest.readableBytes > 0 else { return nil }
        let (header, length) = rest.withUnsafeReadableBytes { bytes -> (CellHeader?, Int) in
            var length = Cell.byteCount
            let circuit = CellHeader.circuit(of: bytes)
            while length < bytes.count,
                CellHeader.circuit(of: UnsafeRawBufferPointer(rebasing: bytes[length...])) == circuit
            {
                length += Cell.byteCount
            }
            return (CellHeader(bytes), length)
        }
        guard let header, let cells = rest.readSlice(length: length) else {
            isMalformed = true
            return nil
        }
        return CellRun(circuit: header.circuit, kind: header.kind, cells: cells)
    }
}
