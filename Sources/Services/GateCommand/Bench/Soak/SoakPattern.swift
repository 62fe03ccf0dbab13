import GateModel
import NIOCore

/// Bytes that say where they belong: in which stream, and at which offset. What is lost, repeated or out of order shows.
struct SoakPattern: Sendable {
    /// Tells one stream from every other.
    let seed: UInt64

    /// The stream's bytes from an offset on.
    func bytes(from offset: UInt64, count: Int) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        for index in 0..<UInt64(count) { buffer.writeInteger(byte(at: offset + index)) }
        return buffer
    }

    /// Where bytes that came at an offset differ first from what belongs there; `nil` where they don't.
    func difference(_ bytes: ByteBuffer, at offset: UInt64) -> UInt64? {
        for (index, byte) in zip(UInt64(0)..., bytes.readableBytesView) where byte != self.byte(at: offset + index) {
            return offset + index
        }
        return nil
    }

    /// One byte of a word that is mixed from seed and place (splitmix64).
    private func byte(at offset: UInt64) -> UInt8 {
        let word = SplitMix64.mixed(seed &+ (offset / 8) &* SplitMix64.step)
        return UInt8(truncatingIfNeeded: word >> (8 * (offset % 8)))
    }
}
