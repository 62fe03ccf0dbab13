import GateCrypto
import NIOCore

/// All layers of a circuit at its origin, first hop first: what wraps cells going out and peels those coming back.
struct OriginLayers {
    private(set) var layers: [HopLayer] = []

    /// The depth of the first hop, told to it at build.
    let startDepth: Int

    init(startDepth: Int) { self.startDepth = startDepth }

    /// The depth of the hop that would come next; the destination's, where none does.
    var nextDepth: Int { startDepth + layers.count }

    mutating func append(_ layer: HopLayer) { layers.append(layer) }

    /// Payload bytes of a cell for the last hop, or, equally, through it.
    var payloadByteCount: Int { CellPayload.capacity(of: Cell.regionByteCount(depth: nextDepth)) }

    // MARK: Out

    /// Appends one cell with the next bytes of `source`, for the last hop itself or to be passed on by it.
    /// `false`, and nothing appended, once a layer is used up.
    func wrap(
        _ command: CircuitCommand, remaining: Int, from source: inout ByteBuffer, last flag: CellFlag,
        circuit: UInt32, random: inout FastRandom, into cells: inout ByteBuffer
    ) -> Bool {
        CellWriter.write(CellHeader(circuit: circuit, kind: .relay), into: &cells) { body in
            guard let start = body.baseAddress else { return false }
            let inner = UnsafeMutableRawBufferPointer(rebasing: body[..<Cell.regionByteCount(depth: nextDepth)])
            CellPayload.write(command, remaining: remaining, from: &source, region: inner)
            random.fill(UnsafeMutableRawBufferPointer(rebasing: body[Cell.regionByteCount(depth: startDepth)...]))
            var flag = flag
            for layer in layers.reversed() {
                guard layer.seal(start, flag, .forward) else { return false }
                flag = .passOn
            }
            return true
        }
    }

    // MARK: Back

    /// Where a peeled cell came from.
    enum Source { case hop(Int), destination }

    /// Opens layers until one was sealed by its hop itself, or all. `nil` where one doesn't open.
    /// Afterwards the region is at the start of `body`.
    func peel(_ cell: UnsafeRawBufferPointer, into body: UnsafeMutableRawPointer) -> (Source, regionByteCount: Int)? {
        guard CellHeader(cell)?.kind == .relay, let start = cell.baseAddress else { return nil }
        var source = start + Cell.headerByteCount
        for (position, layer) in layers.enumerated() {
            guard let flag = layer.open(source, into: body, .backward) else { return nil }
            if flag == .forYou { return (.hop(position), layer.innerByteCount) }
            source = UnsafeRawPointer(body)
        }
        return (.destination, Cell.regionByteCount(depth: nextDepth))
    }
}

/// Peels a run of cells that came back, gathering the end-to-end bytes in one buffer.
struct OriginPeeler {
    enum Step {
        /// The run is at its end; `output` holds the end-to-end bytes.
        case finished
        /// The last hop said something; call again for the rest.
        case control(FragmentAssembly.Outcome)
        /// A cell didn't open, or another hop than the last spoke, or data came too early.
        case violation
    }

    /// The end-to-end bytes so far.
    private(set) var output = ByteBuffer()
    private var index = 0
    private let cells: ByteBuffer

    init(cells: ByteBuffer) { self.cells = cells }

    mutating func next(_ layers: OriginLayers, isOpen: Bool, assembly: inout FragmentAssembly) -> Step {
        var step = Step.finished
        var index = index
        let cells = cells
        let count = cells.readableBytes / Cell.byteCount
        _ = cells.withUnsafeReadableBytes { source in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: (count - index) * Cell.byteCount) { target in
                var written = 0
                while index < count, case .finished = step {
                    let cell = UnsafeRawBufferPointer(rebasing: source[(index * Cell.byteCount)...])
                    let body = UnsafeMutableRawBufferPointer(rebasing: target[written..<written + Cell.byteCount])
                    index += 1
                    guard let start = body.baseAddress, let (origin, length) = layers.peel(cell, into: start),
                        let payload = CellPayload(region: UnsafeRawBufferPointer(rebasing: body[..<length]))
                    else {
                        step = .violation
                        break
                    }
                    switch origin {
                    case .destination where isOpen && payload.command == .data:
                        body.copyMemory(from: UnsafeRawBufferPointer(rebasing: body[payload.range]))
                        written += payload.range.count
                    case .hop(layers.layers.count - 1):
                        let region = UnsafeRawBufferPointer(rebasing: body[..<length])
                        step = .control(assembly.received(payload, region: region))
                    case .destination, .hop: step = .violation
                    }
                }
                return written
            }
        }
        self.index = index
        return step
    }
}
