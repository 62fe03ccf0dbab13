import GateLink
import NIOCore

/// What a link received. First byte: where the reads are cut.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 1 else { return 0 }
    var rest = ByteBuffer(bytes: UnsafeBufferPointer(start: start + 1, count: count - 1))
    let size = Int(start[0]) + 1
    var decoder = LinkFrameDecoder()
    while let slice = rest.readSlice(length: min(size, rest.readableBytes)), slice.readableBytes > 0 {
        decoder.feed(slice)
        do {
            while let frame = try decoder.next() {
                var again = ByteBuffer()
                try LinkFrameEncoder.encode(frame, into: &again)
            }
        } catch { return 0 }
    }
    precondition(decoder.heldBytes < 4 + LinkLimits.frameBytesMax, "no more is held than one frame")
    return 0
}
