import NIOCore
import Socks5

/// The SOCKS5 exchange and both headers between extenders, over any bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    let bytes = ByteBuffer(bytes: UnsafeBufferPointer(start: start, count: count))
    var exchange = Socks5Exchange()
    var input = bytes
    reading: while true {
        switch exchange.received(&input) {
        case .send: continue
        case .awaitMore, .connect, .refuse: break reading
        }
    }
    var request = bytes
    _ = try? ExitRequest.decode(&request)
    var answer = bytes
    _ = try? ExitAnswer.decode(&answer)
    return 0
}
