import GateWire
import NIOCore
import Testing

@Suite struct Compression {
    private static let text = ByteBuffer(
        string: (0..<4000).map { "line \($0 % 97) of a text that says \($0 % 13) much the same things\n" }.joined())

    private func random(_ count: Int) -> ByteBuffer {
        var (state, buffer) = (UInt64(1), ByteBuffer())
        for _ in 0..<count {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            buffer.writeInteger(UInt8(state >> 56))
        }
        return buffer
    }

    @Test(arguments: [100, 512, 4096, 5000, 100_000]) func `what was compressed comes back`(count: Int) throws {
        let payload = try #require(Self.text.getSlice(at: 0, length: count))
        let compressed = try #require(PayloadCompression.compressed(payload))
        #expect(compressed.readableBytes <= count * 15 / 16)
        #expect(PayloadCompression.restored(compressed) == payload)
    }

    @Test(arguments: [0, 1, 4, 5, 600, 70_000]) func `what does not get smaller is left alone`(count: Int) {
        #expect(PayloadCompression.compressed(random(count)) == nil)
    }

    @Test func `a sample from the middle decides of what is long`() throws {
        var payload = try #require(Self.text.getSlice(at: 0, length: 2000))
        payload.writeImmutableBuffer(random(8000))
        payload.writeImmutableBuffer(try #require(Self.text.getSlice(at: 0, length: 2000)))
        #expect(PayloadCompression.compressed(payload) == nil)
    }

    @Test func `what would unfold more than 32 times is not sent, nor taken`() throws {
        let zeros = ByteBuffer(repeating: 0, count: 100_000)
        #expect(PayloadCompression.compressed(zeros) == nil)
        // A raw stream of 100,000 zeros, made by zlib: 113 bytes.
        var bomb = ByteBuffer(integer: UInt32(100_000))
        bomb.writeBytes([0xed, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00, 0x80, 0x90, 0xfe, 0xaf, 0xee, 0x08, 0x0a])
        bomb.writeRepeatingByte(0, count: 98)
        #expect(PayloadCompression.restored(bomb) == nil)
    }

    @Test func `every length but the right one is refused`() throws {
        let payload = try #require(Self.text.getSlice(at: 0, length: 3000))
        var compressed = try #require(PayloadCompression.compressed(payload))
        for length in [0, 1, 2999, 3001, 60_000, WireLimits.messageBytesMax + 1, .max >> 32] {
            compressed.setInteger(UInt32(truncatingIfNeeded: length), at: compressed.readerIndex)
            #expect(PayloadCompression.restored(compressed) == nil, "\(length)")
        }
    }

    @Test func `a stream that is cut, changed or followed by more is refused or gives as many bytes`() throws {
        let payload = try #require(Self.text.getSlice(at: 0, length: 3000))
        let compressed = try #require(PayloadCompression.compressed(payload))
        for count in 0..<compressed.readableBytes {
            let cut = try #require(compressed.getSlice(at: compressed.readerIndex, length: count))
            #expect(PayloadCompression.restored(cut) == nil)
            var changed = compressed
            let index = compressed.readerIndex + count
            changed.setInteger(UInt8(compressed.readableBytesView[index]) ^ 0x10, at: index)
            if let restored = PayloadCompression.restored(changed) { #expect(restored.readableBytes == 3000) }
        }
        var longer = compressed
        longer.writeInteger(UInt8(0))
        #expect(PayloadCompression.restored(longer) == nil)
    }
}
