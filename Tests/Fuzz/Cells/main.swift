import GateModel
import GateRelay
import Glibc
import NIOCore

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ entry: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// The body of a `cells` message, split into runs; the runs as a destination gets them.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzCells(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var body = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    body.writeRepeatingByte(0, count: (Cell.byteCount - count % Cell.byteCount) % Cell.byteCount)
    let now = MonotonicInstant(nanoseconds: 0)
    var destination = CircuitDestination(circuit: 1, limits: RelayLimits(), at: now)
    var actions: [CircuitAction] = []
    var runs = CellRuns(body)
    while let run = runs.next() { destination.received(run.cells, at: now, into: &actions) }
    var answer = ByteBuffer(repeating: 7, count: 5000)
    destination.send(&answer, at: now, into: &actions)
    return 0
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
exit(runDriver(&argumentCount, &argumentVector, fuzzCells))
