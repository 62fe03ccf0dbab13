import CZlib
import GateCrypto
package import NIOCore

/// Compression of one message's payload: DEFLATE (RFC 1951) with no history of other messages.
///
/// | bytes | what |
/// | --- | --- |
/// | 4 | bytes of the payload, big-endian |
/// | rest | raw DEFLATE stream of it |
///
/// zlib's state, which holds what it read last, lives for one call and is wiped.
package enum PayloadCompression {
    /// A payload has at most so many bytes for each that stands for it: who sends little cannot make the other side
    /// hold much.
    package static let ratioMax = 32

    /// What is tried first of payloads that are several times as long.
    static let sampleBytes = 1024
    private static let headBytes = 4
    /// Fastest: measured by `quantumgate bench compression`.
    private static let level: Int32 = 1
    /// Raw, with a window of 32 KiB.
    private static let windowBits: Int32 = -15
    private static let memoryLevel: Int32 = 8

    /// The compressed form, where that saves a sixteenth at least; `nil` where it does not, where a sample from the
    /// middle says so, and where it would be smaller than ``ratioMax`` allows.
    package static func compressed(_ payload: ByteBuffer) -> ByteBuffer? {
        let count = payload.readableBytes
        guard count > headBytes, count <= WireLimits.messageBytesMax else { return nil }
        var stream = wipedStream()
        let started = deflateInit2_(
            &stream, level, Z_DEFLATED, windowBits, memoryLevel, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
            Int32(MemoryLayout<z_stream>.size))
        guard started == Z_OK else { return nil }
        defer { deflateEnd(&stream) }
        return payload.withUnsafeReadableBytes { bytes in
            if count > 4 * sampleBytes {
                let middle = (count - sampleBytes) / 2
                let sample = UnsafeRawBufferPointer(rebasing: bytes[middle..<middle + sampleBytes])
                let isWorthwhile = withUnsafeTemporaryAllocation(byteCount: sampleBytes, alignment: 16) { room in
                    defer { Sodium.wipe(room) }
                    return deflated(sample, &stream, into: worthwhile(room)) != nil
                }
                guard isWorthwhile, deflateReset(&stream) == Z_OK else { return nil }
            }
            var output = ByteBuffer()
            let written = output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
                let room = worthwhile(UnsafeMutableRawBufferPointer(rebasing: room[..<count]))
                room.storeBytes(of: UInt32(count).bigEndian, as: UInt32.self)
                let body = UnsafeMutableRawBufferPointer(rebasing: room[headBytes...])
                return deflated(bytes, &stream, into: body).map { headBytes + $0 } ?? 0
            }
            return written > 0 && count <= ratioMax * written ? output : nil
        }
    }

    /// The payload again; `nil` where it has not the length that it says, is longer than a message or than
    /// ``ratioMax`` allows, or is no DEFLATE stream with nothing behind it.
    package static func restored(_ compressed: ByteBuffer) -> ByteBuffer? {
        var body = compressed
        guard let length = body.readInteger(as: UInt32.self), length > 0, length <= WireLimits.messageBytesMax,
            Int(length) <= ratioMax * compressed.readableBytes
        else { return nil }
        var stream = wipedStream()
        guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return nil
        }
        defer { inflateEnd(&stream) }
        var output = ByteBuffer()
        let isWhole = body.withUnsafeReadableBytes { bytes in
            output.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(length)) { room in
                stream.set(input: bytes, output: UnsafeMutableRawBufferPointer(rebasing: room[..<Int(length)]))
                let isEnd = inflate(&stream, Z_FINISH) == Z_STREAM_END
                return isEnd && stream.avail_in == 0 && stream.avail_out == 0 ? Int(length) : 0
            } > 0
        }
        return isWhole ? output : nil
    }

    /// The first fifteen sixteenths: what compressed bytes may take.
    private static func worthwhile(_ room: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: room[..<(room.count - max(1, room.count / 16))])
    }

    /// How many bytes the whole stream has; `nil` where the room is too small.
    private static func deflated(
        _ input: UnsafeRawBufferPointer, _ stream: inout z_stream, into room: UnsafeMutableRawBufferPointer
    ) -> Int? {
        stream.set(input: input, output: room)
        guard deflate(&stream, Z_FINISH) == Z_STREAM_END else { return nil }
        return room.count - Int(stream.avail_out)
    }

    /// A stream whose memory is cleared when it is given back.
    private static func wipedStream() -> z_stream {
        var stream = z_stream()
        stream.zalloc = { _, items, size in WipedBlock.allocate(Int(items) * Int(size)) }
        stream.zfree = { _, block in WipedBlock.free(block) }
        return stream
    }
}

/// A block of memory that knows its size.
private enum WipedBlock {
    private static let headBytes = 16

    static func allocate(_ count: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: headBytes + count, alignment: headBytes)
        block.storeBytes(of: count, as: Int.self)
        return block + headBytes
    }

    static func free(_ memory: UnsafeMutableRawPointer?) {
        guard let memory else { return }
        let block = memory - headBytes
        let count = block.load(as: Int.self)
        Sodium.wipe(UnsafeMutableRawBufferPointer(start: memory, count: count))
        block.deallocate()
    }
}

extension z_stream {
    /// At most 4 GiB each.
    fileprivate mutating func set(input: UnsafeRawBufferPointer, output: UnsafeMutableRawBufferPointer) {
        next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        avail_in = UInt32(input.count)
        next_out = output.bindMemory(to: UInt8.self).baseAddress
        avail_out = UInt32(output.count)
    }
}
