import GateCrypto
import GateModel
import NIOCore

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ entry: @convention(c) (UnsafePointer<UInt8>, Int) -> CInt
) -> CInt

/// Bundles, certificates and records from any bytes: what is read has one encoding, and nothing forged is believed.
@_cdecl("LLVMFuzzerTestOneInput")
func fuzzCertificates(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var (bundle, certificate, record) = (ByteBuffer(bytes: bytes), ByteBuffer(bytes: bytes), ByteBuffer(bytes: bytes))
    if let read = IdentityBundle(from: &bundle) { precondition(bytes.starts(with: read.encoded), "one encoding") }
    if let read = WorkerCertificate(from: &certificate) {
        precondition(bytes.starts(with: read.encoded), "one encoding")
        _ = try? read.verify(expecting: nil, staticKey: read.staticKey, own: nil, at: read.notBefore)
    }
    if let read = NodeRecord(from: &record) {
        precondition(bytes.starts(with: read.encoded), "one encoding")
        _ = try? read.verify(expecting: nil, at: UnixTime(seconds: 0))
    }
    return 0
}

var argumentCount = CommandLine.argc
var argumentVector = CommandLine.unsafeArgv
_ = runDriver(&argumentCount, &argumentVector, fuzzCertificates)
