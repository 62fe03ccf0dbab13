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

nonisolated(unsafe) private let nodes = (try? TestNode(1)).flatMap { dialler in (try? TestNode(2)).map { (dialler, $0) }
}

/// Any bytes as a first flight (even first byte), or laid over an honest one from that place on.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    guard let nodes, let first = bytes.first else { return 0 }
    var pair = PeerPair(nodes.0, nodes.1)
    pair.start()
    if first % 2 == 0 {
        pair.toAcceptor = ByteBuffer(bytes: bytes)
    } else {
        pair.toAcceptor.setBytes(bytes, at: Int(first))
    }
    pair.deliverToAcceptor()
    return 0
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
exit(runDriver(&argumentCount, &argumentVector, fuzz))
