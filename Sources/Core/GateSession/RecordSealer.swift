import GateCrypto
import GateWire
import NIOCore

/// Turns plaintext into records: the sending side of one direction and epoch.
///
/// | bytes | what |
/// | --- | --- |
/// | 2 | length of the rest, big-endian, XOR the mask of the record's counter |
/// | 0-65,519 | ciphertext |
/// | 16 | tag; the masked length is associated data, the nonce is the counter |
struct RecordSealer: ~Copyable {
    /// A whole record is at most 64 KiB, so that its buffer is.
    static let plaintextBytesMax = 65_536 - WireLimits.recordHeaderBytes - WireLimits.tagBytes

    private let keys: RecordKeys
    private(set) var counter: UInt64 = 0
    /// Bytes of all records so far.
    private(set) var byteCount = 0

    init(_ keys: consuming RecordKeys) { self.keys = keys }

    /// Begins a record at the end of `output`; the caller then appends its plaintext.
    func begin(_ output: inout ByteBuffer) -> Int {
        let start = output.writerIndex
        output.writeInteger(UInt16(0))
        return start
    }

    /// Seals, in place, the record that began at `start`: its plaintext is at most 65,519 bytes.
    mutating func finish(_ output: inout ByteBuffer, start: Int) {
        output.writeRepeatingByte(0, count: WireLimits.tagBytes)
        let length = output.writerIndex - start - WireLimits.recordHeaderBytes
        precondition(length <= WireLimits.recordCiphertextMax, "a record's plaintext is at most 65,519 bytes")
        let masked = UInt16(length) ^ keys.mask.mask(counter: counter)
        output.setInteger(masked, at: start)
        let offset = start - output.readerIndex + WireLimits.recordHeaderBytes
        output.withUnsafeMutableReadableBytes { bytes in
            withUnsafeBytes(of: masked.bigEndian) { associated in
                keys.cipher.seal(
                    UnsafeMutableRawBufferPointer(rebasing: bytes[offset...]), counter: counter,
                    associated: associated)
            }
        }
        counter += 1
        byteCount += WireLimits.recordHeaderBytes + length
    }
}
