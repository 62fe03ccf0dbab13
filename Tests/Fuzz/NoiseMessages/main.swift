import GateCrypto
import NIOCore

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ entry: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// First byte: the state that reads. The rest: a handshake message.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzNoiseMessages(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 0, let slab = try? SecretSlab(), let key = try? StaticKey() else { return 0 }
    let message = ByteBuffer(bytes: UnsafeBufferPointer(start: start + 1, count: count - 1))
    let isAnswer = start[0] & 1 == 1
    do {
        var handshake = try NoiseHandshake(
            pattern: start[0] & 2 == 0 ? .mutual : .anonymous, suite: .standard,
            role: isAnswer ? .initiator : .responder,
            prologue: [], localStatic: key, slab: slab)
        var output = ByteBuffer()
        if isAnswer { try handshake.writeMessage(into: &output) }
        _ = try handshake.readMessage(message)
        try handshake.writeMessage(into: &output)
    } catch { return 0 }
    return 0
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
_ = runDriver(&argumentCount, &argumentVector, fuzzNoiseMessages)
