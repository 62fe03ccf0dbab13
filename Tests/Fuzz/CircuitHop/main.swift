import GateCrypto
import GateModel
import GateRelay
import GateSession
import GateTestKit
import Glibc
import NIOCore

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ entry: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

private let wall = ManualClock().wall
private let now = MonotonicInstant(nanoseconds: 0)

/// First byte: odd to send the rest as raw cells to a fresh relay; even to send it as regions for a relay that is in,
/// sealed with its layer: commands, fragments, requests to extend.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzCircuitHop(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 1, let relay = try? TestNode(1), let origin = try? TestNode(2) else { return 0 }
    var input = ByteBuffer(bytes: UnsafeBufferPointer(start: start + 1, count: count - 1))
    var actions: [CircuitAction] = []
    var hop = CircuitHop(circuit: 1, environment: relay.environment, limits: RelayLimits(), at: now)
    guard start[0] & 1 == 0 else {
        input.writeRepeatingByte(0, count: (Cell.byteCount - input.readableBytes % Cell.byteCount) % Cell.byteCount)
        hop.receivedFromPrevious(input, at: now, wall: wall, into: &actions)
        hop.receivedFromNext(input, at: now, into: &actions)
        return 0
    }
    guard let layer = joined(&hop, relay, origin) else { preconditionFailure("the handshake is sound") }
    while let region = input.readSlice(length: min(layer.innerByteCount, input.readableBytes)), region.readableBytes > 0
    {
        hop.receivedFromPrevious(sealed(region, layer), at: now, wall: wall, into: &actions)
        if hop.phase == .reaching { hop.reached(circuit: 3, at: now, into: &actions) }
    }
    return 0
}

/// Runs the hop handshake and gives the origin's end of the layer.
private func joined(_ hop: inout CircuitHop, _ relay: TestNode, _ origin: TestNode) -> HopLayer? {
    origin.environment.settings.flightPadding = 0...0
    var handshake = Handshake(
        dialling: relay.node, context: .hop, presence: .anonymous, environment: origin.environment)
    var flight = ByteBuffer(bytes: [0])
    guard handshake.start(wall: wall, into: &flight) == .needsMore else { return nil }
    var cell = ByteBuffer(bytes: [0, 0, 0, 1, CellKind.create.rawValue, 2, 0])
    cell.writeInteger(UInt16(flight.readableBytes))
    cell.writeBuffer(&flight)
    cell.writeRepeatingByte(0, count: Cell.byteCount - cell.readableBytes)
    var actions: [CircuitAction] = []
    hop.receivedFromPrevious(cell, at: now, wall: wall, into: &actions)
    guard case .send(_, .cells(var created))? = actions.first else { return nil }
    created.moveReaderIndex(forwardBy: Cell.headerByteCount + 2)
    guard let length = created.readInteger(as: UInt16.self), var answer = created.readSlice(length: Int(length)) else {
        return nil
    }
    var output = ByteBuffer()
    guard handshake.received(&answer, wall: wall, admit: { _ in true }, into: &output) == .complete,
        let secrets = try? handshake.finish()
    else { return nil }
    return try? HopLayer(
        root: secrets.root, cipher: secrets.suite.cipher, depth: 0, in: origin.environment.slab)
}

private func sealed(_ region: ByteBuffer, _ layer: HopLayer) -> ByteBuffer {
    var cell = ByteBuffer(bytes: [0, 0, 0, 1, CellKind.relay.rawValue])
    cell.writeImmutableBuffer(region)
    cell.writeRepeatingByte(0, count: Cell.byteCount - cell.readableBytes)
    cell.withUnsafeMutableReadableBytes { bytes in
        if let start = bytes.baseAddress { _ = layer.seal(start + Cell.headerByteCount, .forYou, .forward) }
    }
    return cell
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
exit(runDriver(&argumentCount, &argumentVector, fuzzCircuitHop))
