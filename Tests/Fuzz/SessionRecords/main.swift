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
private let clock = ManualClock()

private func shakeHands(_ dialler: TestNode, _ acceptor: TestNode) throws -> Session {
    var initiator = Handshake(
        dialling: acceptor.node, context: .peer, presence: .mutual(dialler.credentials),
        environment: dialler.environment)
    var responder = Handshake(accepting: [.peer], environment: acceptor.environment)
    var (there, back) = (ByteBuffer(), ByteBuffer())
    _ = initiator.start(wall: clock.wall, into: &there)
    _ = responder.received(&there, wall: clock.wall, admit: { _ in true }, into: &back)
    _ = initiator.received(&back, wall: clock.wall, admit: { _ in true }, into: &there)
    _ = responder.received(&there, wall: clock.wall, admit: { _ in true }, into: &back)
    return try Session(responder.finish(), environment: acceptor.environment, at: clock.now)
}

/// Any bytes as the plaintext of an authentic record.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard let nodes, var session = try? shakeHands(nodes.0, nodes.1) else { return 0 }
    var plaintext = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    var events: [PeerEvent] = []
    session.received(plaintext: &plaintext, into: &events)
    var output = ByteBuffer()
    session.seal(into: &output, budget: 1 << 20)
    return 0
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
exit(runDriver(&argumentCount, &argumentVector, fuzz))
