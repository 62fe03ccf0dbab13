import GateCrypto
import GateWire
import NIOCore

/// Turns bytes into records' plaintexts: the receiving side of one direction and epoch.
///
/// A record that lies whole in the input is opened from there into memory of its own; one that is split over inputs is
/// first put together, once.
struct RecordOpener: ~Copyable {
    enum Step {
        /// The input is used up.
        case needsMore
        /// The next record's plaintext.
        case record(ByteBuffer)
        /// An impossible length or a wrong tag; nothing more can be read.
        case refused
    }

    private let keys: RecordKeys
    private(set) var counter: UInt64 = 0
    private var partial: ByteBuffer?

    init(_ keys: consuming RecordKeys) { self.keys = keys }

    /// Takes the next record off the input.
    mutating func next(_ input: inout ByteBuffer) -> Step {
        if partial != nil { return continuePartial(&input) }
        guard input.readableBytes >= WireLimits.recordHeaderBytes,
            let masked = input.getInteger(at: input.readerIndex, as: UInt16.self)
        else { return keepPartial(&input, capacity: WireLimits.recordHeaderBytes) }
        let length = length(masked)
        guard length >= WireLimits.tagBytes else { return .refused }
        guard input.readableBytes >= WireLimits.recordHeaderBytes + length else {
            return keepPartial(&input, capacity: WireLimits.recordHeaderBytes + length)
        }
        return open(&input, masked, length)
    }

    private func length(_ masked: UInt16) -> Int { Int(masked ^ keys.mask.mask(counter: counter)) }

    private mutating func keepPartial(_ input: inout ByteBuffer, capacity: Int) -> Step {
        guard input.readableBytes > 0 else { return .needsMore }
        var kept = ByteBuffer()
        kept.reserveCapacity(capacity)
        kept.writeBuffer(&input)
        partial = kept
        return .needsMore
    }

    private mutating func continuePartial(_ input: inout ByteBuffer) -> Step {
        guard var record = partial.take() else { return .needsMore }
        if record.readableBytes < WireLimits.recordHeaderBytes, var byte = input.readSlice(length: 1) {
            record.writeBuffer(&byte)
        }
        guard record.readableBytes >= WireLimits.recordHeaderBytes,
            let masked = record.getInteger(at: record.readerIndex, as: UInt16.self)
        else {
            partial = record
            return .needsMore
        }
        let length = length(masked)
        guard length >= WireLimits.tagBytes else { return .refused }
        let missing = WireLimits.recordHeaderBytes + length - record.readableBytes
        record.reserveCapacity(minimumWritableBytes: missing)
        if var rest = input.readSlice(length: min(missing, input.readableBytes)) { record.writeBuffer(&rest) }
        guard record.readableBytes == WireLimits.recordHeaderBytes + length else {
            partial = record
            return .needsMore
        }
        return open(&record, masked, length)
    }

    private mutating func open(_ input: inout ByteBuffer, _ masked: UInt16, _ length: Int) -> Step {
        let plaintextCount = length - WireLimits.tagBytes
        var plaintext = ByteBuffer()
        let offset = WireLimits.recordHeaderBytes
        let isOpen = input.withUnsafeReadableBytes { bytes in
            let ciphertext = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + length])
            var isOpen = false
            plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: plaintextCount) { memory in
                isOpen = withUnsafeBytes(of: masked.bigEndian) { associated in
                    keys.cipher.open(
                        ciphertext, counter: counter, associated: associated,
                        into: UnsafeMutableRawBufferPointer(rebasing: memory[..<plaintextCount]))
                }
                return isOpen ? plaintextCount : 0
            }
            return isOpen
        }
        guard isOpen else { return .refused }
        input.moveReaderIndex(forwardBy: offset + length)
        counter += 1
        return .record(plaintext)
    }
}
