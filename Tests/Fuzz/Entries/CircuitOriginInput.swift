import GateCrypto
import GateModel
import GateRelay
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// An origin of a circuit with one relay, as the relay and what is behind it answer.
///
/// First byte: bit 0 the rest is raw cells (as `CellInput` cuts them) instead of regions that the relay seals (as
/// `CircuitHopInput` cuts them); bit 1 the relay is not in yet; bit 2 the circuit is open; bit 3 regions come from the
/// destination, passed on by the relay.
enum CircuitOriginInput {
    private static let wall = ManualClock().wall
    private static let now = MonotonicInstant(nanoseconds: 0)
    private static let depth = 3

    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let (environment, relay) = (TestNode.seeded(1).environment, TestNode.seeded(2))
        environment.settings.flightPadding = 0...0
        relay.environment.settings.flightPadding = 0...0
        var origin = CircuitOrigin(
            path: [record(of: relay)], destination: record(of: .seeded(3)), circuit: 1, startDepth: depth,
            environment: environment, limits: RelayLimits(), at: now)
        var actions: [CircuitAction] = []
        origin.begin(at: now, wall: wall, into: &actions)
        let layer = mode & 2 == 0 ? honest { try join(&origin, relay, &actions) } : nil
        if let layer, mode & 4 != 0 {
            origin.received(cell(of: [6, 0, 0, 0], layer, .forYou), at: now, wall: wall, into: &actions)
            precondition(origin.phase == .open, "an honest relay connects")
        }
        let input = Array(bytes.dropFirst())
        var byteCount = 0
        if let layer, mode & 1 == 0 {
            for region in CircuitHopInput.regions(of: input, upTo: layer.innerByteCount) {
                let flag = mode & 8 == 0 ? CellFlag.forYou : .passOn
                byteCount += layer.innerByteCount
                origin.received(cell(of: region.bytes, layer, flag), at: now, wall: wall, into: &actions)
            }
        } else {
            let cells = CellInput.cells(of: input)
            byteCount = cells.readableBytes
            origin.received(cells, at: now, wall: wall, into: &actions)
        }
        check(actions, origin.phase, byteCount)
    }

    private static func check(_ actions: [CircuitAction], _ phase: CircuitOrigin.Phase, _ byteCount: Int) {
        var (received, ends) = (0, 0)
        for action in actions {
            switch action {
            case .received(let bytes): received += bytes.readableBytes
            case .failed, .ended: ends += 1
            case .send, .reach, .built, .writable: break
            }
        }
        precondition(received <= byteCount, "no more comes out than went in")
        precondition(ends == (phase == .ended ? 1 : 0), "an end is told once")
    }

    /// The relay's answer to the first cell, taken by the origin: the relay's end of the layer.
    private static func join(
        _ origin: inout CircuitOrigin, _ relay: TestNode, _ actions: inout [CircuitAction]
    ) throws -> HopLayer {
        guard case .send(_, .cells(let cells))? = actions.first else {
            preconditionFailure("an honest origin begins")
        }
        var create = cells
        create.moveReaderIndex(forwardBy: Cell.headerByteCount + 2)
        let length = create.readInteger(as: UInt16.self) ?? 0
        create.moveReaderIndex(forwardBy: 1)
        var flight = create.readSlice(length: Int(length) - 1) ?? ByteBuffer()
        var handshake = Handshake(accepting: [.hop], environment: relay.environment)
        var answer = ByteBuffer()
        let step = handshake.received(&flight, wall: wall, admit: { _ in true }, into: &answer)
        precondition(step == .complete, "an honest flight is answered")
        let secrets = try handshake.finish()
        let head: [UInt8] = [0, 0, 0, 1, CellKind.created.rawValue, 2, 0]
        let count = [
            UInt8(truncatingIfNeeded: answer.readableBytes >> 8), UInt8(truncatingIfNeeded: answer.readableBytes),
        ]
        origin.received(
            CellInput.cells(of: CellInput.piece(head + count + answer.bytes)), at: now, wall: wall, into: &actions)
        precondition(origin.phase == .connecting, "an honest relay is in")
        return try HopLayer(
            root: secrets.root, cipher: secrets.suite.cipher, depth: depth, in: relay.environment.slab)
    }

    private static func cell(of region: [UInt8], _ layer: HopLayer, _ flag: CellFlag) -> ByteBuffer {
        var cell = CellInput.cells(of: CellInput.piece([0, 0, 0, 1, CellKind.relay.rawValue] + region))
        cell.withUnsafeMutableReadableBytes { bytes in
            if let start = bytes.baseAddress { _ = layer.seal(start + Cell.headerByteCount, flag, .backward) }
        }
        return cell
    }

    private static func record(of node: TestNode) -> NodeRecord {
        NodeRecord.issue(
            NodeRecord.Content(
                suites: [.standard], endpoints: [Endpoint(host: "192.0.2.1", port: 7700)], relays: true, sequence: 1,
                expiry: wall + 86_400),
            by: node.identity)
    }

    /// Bytes of the destination, in one and in two regions; failures, fragments, and cells before the relay is in.
    static let seeds: [[UInt8]] = [
        [12, 1, 0, 0, 4] + Array("data".utf8), [12, 1, 0, 0, 1, 7, 1, 0, 0, 1, 8], [0, 7, 0, 0, 0],
        [0, 6, 0, 0, 0, 6, 0, 0, 0], [0, 4, 1, 0, 1, 9, 4, 0, 0, 1, 9], [4, 7, 0, 0, 0],
        [2] + CellInput.piece([0, 0, 0, 1, CellKind.created.rawValue, 2, 0, 0, 1, 9]),
        [1] + CellInput.piece([0, 0, 0, 1, CellKind.relay.rawValue, 2, 0, 0, 1, 9]),
    ]
}
