import GateWire
import Glibc
import NIOCore

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ entry: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// Any bytes as a record's plaintext: read to the end or refused.
@_cdecl("LLVMFuzzerTestOneInput") public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    var plaintext = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    do {
        while try MessageCodec.decode(&plaintext) != nil {}
    } catch {
        return 0
    }
    return 0
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
exit(runDriver(&argumentCount, &argumentVector, fuzz))
