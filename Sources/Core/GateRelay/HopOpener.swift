import GateCrypto
import NIOCore

/// Opens a relay's layer of a run of cells on their way forward, from the buffer they came in straight into the one
/// they leave in: one allocation for the whole run, no copy beside the cipher's pass.
struct HopOpener {
    enum Step {
        /// The run is at its end; `output` holds what goes on.
        case finished
        /// A cell was for this hop; call again for the rest.
        case command(FragmentAssembly.Outcome)
        /// A cell didn't open, was of another kind, or wants to be passed on to nobody.
        case violation
    }

    /// The cells that go on to the next neighbour.
    private(set) var output = ByteBuffer()
    private let layer: HopLayer
    private let cells: ByteBuffer
    private let nextCircuit: UInt32?
    private var index = 0

    /// `nextCircuit` is `nil` while there is no next neighbour.
    init(layer: HopLayer, cells: ByteBuffer, nextCircuit: UInt32?) {
        self.layer = layer
        self.cells = cells
        self.nextCircuit = nextCircuit
    }

    /// Works up to the next cell that is for this hop, or to the end.
    mutating func next(random: inout FastRandom, assembly: inout FragmentAssembly) -> Step {
        var step = Step.finished
        var index = index
        let (cells, layer, nextCircuit) = (cells, layer, nextCircuit)
        let count = cells.readableBytes / Cell.byteCount
        _ = cells.withUnsafeReadableBytes { source in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: (count - index) * Cell.byteCount) { target in
                var written = 0
                while index < count {
                    let cell = UnsafeRawBufferPointer(rebasing: source[(index * Cell.byteCount)...])
                    let place = UnsafeMutableRawBufferPointer(rebasing: target[written..<written + Cell.byteCount])
                    index += 1
                    switch HopOpener.open(cell, into: place, layer) {
                    case .passOn:
                        guard let nextCircuit else { return fail(&step, written) }
                        CellHeader(circuit: nextCircuit, kind: .relay).write(to: place)
                        let tail = Cell.headerByteCount + layer.innerByteCount
                        random.fill(UnsafeMutableRawBufferPointer(rebasing: place[tail...]))
                        written += Cell.byteCount
                    case .forYou:
                        let inner = Cell.headerByteCount..<Cell.headerByteCount + layer.innerByteCount
                        let region = UnsafeRawBufferPointer(rebasing: place[inner])
                        guard let payload = CellPayload(region: region) else { return fail(&step, written) }
                        step = .command(assembly.received(payload, region: region))
                        return written
                    case nil: return fail(&step, written)
                    }
                }
                return written
            }
        }
        self.index = index
        return step
    }

    private static func open(
        _ cell: UnsafeRawBufferPointer, into place: UnsafeMutableRawBufferPointer, _ layer: HopLayer
    ) -> CellFlag? {
        guard CellHeader(cell)?.kind == .relay, let source = cell.baseAddress, let target = place.baseAddress else {
            return nil
        }
        return layer.open(source + Cell.headerByteCount, into: target + Cell.headerByteCount, .forward)
    }
}

private func fail(_ step: inout HopOpener.Step, _ written: Int) -> Int {
    step = .violation
    return written
}

/// Seals a relay's layer over a run of cells on their way back to the origin.
enum HopSealer {
    /// The sealed cells with their new headers; `nil` where one is of another kind or the layer is used up.
    static func seal(_ cells: ByteBuffer, layer: HopLayer, circuit: UInt32, random: inout FastRandom) -> ByteBuffer? {
        let header = CellHeader(circuit: circuit, kind: .relay)
        let length = cells.readableBytes
        var output = ByteBuffer()
        var isSealed = true
        _ = cells.withUnsafeReadableBytes { source in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: length) { target in
                for offset in stride(from: 0, to: length, by: Cell.byteCount) {
                    let cell = UnsafeRawBufferPointer(rebasing: source[offset..<offset + Cell.byteCount])
                    let place = UnsafeMutableRawBufferPointer(rebasing: target[offset..<offset + Cell.byteCount])
                    isSealed = isSealed && seal(cell, into: place, header, layer, random: &random)
                }
                return length
            }
        }
        return isSealed ? output : nil
    }

    private static func seal(
        _ cell: UnsafeRawBufferPointer, into place: UnsafeMutableRawBufferPointer, _ header: CellHeader,
        _ layer: HopLayer, random: inout FastRandom
    ) -> Bool {
        guard CellHeader(cell)?.kind == .relay, let start = place.baseAddress else { return false }
        header.write(to: place)
        let inner = Cell.headerByteCount..<Cell.headerByteCount + layer.innerByteCount
        UnsafeMutableRawBufferPointer(rebasing: place[inner]).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: cell[inner]))
        random.fill(UnsafeMutableRawBufferPointer(rebasing: place[(Cell.headerByteCount + layer.regionByteCount)...]))
        return layer.seal(start + Cell.headerByteCount, .passOn, .backward)
    }
}
