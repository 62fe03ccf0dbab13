import GateCrypto
import GateModel
import GateRelay
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// A relay of one circuit, from both sides.
///
/// First byte: odd to send the rest as raw cells to a fresh relay (as `CellInput` cuts them), from both neighbours; even
/// to send it as regions for a relay that is in, sealed with its layer: commands, fragments, requests to extend. Regions
/// follow one another, each as long as its own header says.
enum CircuitHopInput {
    private static let wall = ManualClock().wall
    private static let now = MonotonicInstant(nanoseconds: 0)

    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let (relay, origin) = (TestNode.seeded(1), TestNode.seeded(2))
        var actions: [CircuitAction] = []
        var hop = CircuitHop(circuit: 1, environment: relay.environment, limits: RelayLimits(), at: now)
        let input = Array(bytes.dropFirst())
        if mode & 1 == 1 {
            let cells = CellInput.cells(of: input)
            hop.receivedFromPrevious(cells, at: now, wall: wall, into: &actions)
            hop.receivedFromNext(cells, at: now, into: &actions)
        } else {
            let layer = honest { try joined(&hop, relay, origin) }
            for region in regions(of: input, upTo: layer.innerByteCount) {
                hop.receivedFromPrevious(sealed(region, layer), at: now, wall: wall, into: &actions)
                if hop.phase == .reaching { hop.reached(circuit: 3, at: now, into: &actions) }
                if hop.phase == .awaitingNext {
                    hop.receivedFromNext(CellInput.cells(of: created), at: now, into: &actions)
                }
            }
        }
        precondition(hop.waitingCountMax <= RelayLimits.windowMax, "no more cells wait than the window has")
        let ends = actions.count { if case .ended = $0 { true } else { false } }
        precondition(ends == (hop.phase == .ended ? 1 : 0), "an end is told once")
    }

    private static let created = CellInput.piece([0, 0, 0, 3, CellKind.created.rawValue, 2, 0, 0, 1, 9])

    /// Pieces of an input, each as long as its own header says.
    static func regions(of bytes: [UInt8], upTo bytesMax: Int) -> [ByteBuffer] {
        var input = ByteBuffer(bytes: bytes)
        var regions: [ByteBuffer] = []
        while input.readableBytes > 0 {
            let length = 4 + Int(input.getInteger(at: input.readerIndex + 2, as: UInt16.self) ?? 0)
            guard let region = input.readSlice(length: min(length, input.readableBytes, bytesMax)) else { break }
            regions.append(region)
        }
        return regions
    }

    /// Runs the hop handshake and gives the origin's end of the layer.
    private static func joined(_ hop: inout CircuitHop, _ relay: TestNode, _ origin: TestNode) throws -> HopLayer {
        var handshake = dialling(relay, origin)
        var actions: [CircuitAction] = []
        hop.receivedFromPrevious(create(&handshake), at: now, wall: wall, into: &actions)
        guard case .send(_, .cells(let cells))? = actions.first else {
            preconditionFailure("an honest flight is answered")
        }
        var created = cells
        created.moveReaderIndex(forwardBy: Cell.headerByteCount + 2)
        let length = created.readInteger(as: UInt16.self) ?? 0
        var answer = created.readSlice(length: Int(length)) ?? ByteBuffer()
        var output = ByteBuffer()
        let step = handshake.received(&answer, wall: wall, admit: { _ in true }, into: &output)
        precondition(step == .complete, "an honest answer completes")
        let secrets = try handshake.finish()
        return try HopLayer(
            root: secrets.root, cipher: secrets.suite.cipher, depth: 0, in: origin.environment.slab)
    }

    private static func dialling(_ relay: TestNode, _ origin: TestNode) -> Handshake {
        origin.environment.settings.flightPadding = 0...0
        return Handshake(dialling: relay.node, context: .hop, presence: .anonymous, environment: origin.environment)
    }

    /// The cell with the handshake's first flight.
    private static func create(_ handshake: inout Handshake) -> ByteBuffer {
        var flight = ByteBuffer(bytes: [0])
        let step = handshake.start(wall: wall, into: &flight)
        precondition(step == .needsMore, "an honest handshake begins")
        var cell = ByteBuffer(bytes: [0, 0, 0, 1, CellKind.create.rawValue, 2, 0])
        cell.writeInteger(UInt16(flight.readableBytes))
        cell.writeBuffer(&flight)
        cell.writeRepeatingByte(0, count: Cell.byteCount - cell.readableBytes)
        return cell
    }

    private static func sealed(_ region: ByteBuffer, _ layer: HopLayer) -> ByteBuffer {
        var cell = ByteBuffer(bytes: [0, 0, 0, 1, CellKind.relay.rawValue])
        cell.writeImmutableBuffer(region)
        cell.writeRepeatingByte(0, count: Cell.byteCount - cell.readableBytes)
        cell.withUnsafeMutableReadableBytes { bytes in
            if let start = bytes.baseAddress { _ = layer.seal(start + Cell.headerByteCount, .forYou, .forward) }
        }
        return cell
    }

    /// A fresh relay's first flight; requests to extend to a relay and to reach a destination, whole and in fragments.
    static var seeds: [[UInt8]] {
        var handshake = dialling(.seeded(1), .seeded(2))
        let flight = create(&handshake).bytes
        let record = CertificateInput.record
        let length = [UInt8(truncatingIfNeeded: record.count >> 8), UInt8(truncatingIfNeeded: record.count)]
        let extend = length + record + [1, 0, 9, 9, 9]
        return [
            [1] + CellInput.piece(flight), [0] + region(3, extend), [0] + region(5, record),
            [0] + region(3, Array(extend.prefix(50)), remaining: 1) + region(3, Array(extend.dropFirst(50))),
            [0] + region(1, Array("data".utf8)),
            [0] + region(5, record) + region(1, Array("data".utf8)),
        ]
    }

    private static func region(_ command: UInt8, _ bytes: [UInt8], remaining: UInt8 = 0) -> [UInt8] {
        [command, remaining, UInt8(truncatingIfNeeded: bytes.count >> 8), UInt8(truncatingIfNeeded: bytes.count)]
            + bytes
    }
}
