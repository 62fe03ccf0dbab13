/// Seals and opens whole records or cells under one key: AES-256-GCM or ChaCha20-Poly1305.
///
/// The nonce is a counter that the caller never uses twice for a key; bytes on the wire are those of Noise: four zero
/// bytes, then the counter, big-endian for AES-GCM, little-endian for ChaCha20-Poly1305. The key lives in the slab.
package struct RecordCipher: ~Copyable {
    /// The authentication tag that follows every ciphertext.
    package static let tagBytes = NoiseCipher.tagByteCount

    private let cipher: NoiseCipher
    private let key: Secret

    /// Takes over a key of 32 bytes.
    package init(_ cipher: NoiseCipher, key: consuming Secret) {
        precondition(key.count == NoiseCipher.keyByteCount, "a record key has 32 bytes")
        self.cipher = cipher
        self.key = key
    }

    /// Seals in place: `record` is the plaintext followed by room for the tag.
    package borrowing func seal(
        _ record: UnsafeMutableRawBufferPointer, counter: UInt64, associated: UnsafeRawBufferPointer = noBytes
    ) {
        let plaintext = UnsafeRawBufferPointer(rebasing: record[..<(record.count - RecordCipher.tagBytes)])
        key.withUnsafeBytes {
            cipher.seal(plaintext, key: $0, counter: counter, associated: associated, into: record)
        }
    }

    /// Opens `ciphertext` (with its tag) into `plaintext`, 16 bytes shorter and perhaps the same memory; `false` where the
    /// tag is wrong, and then `plaintext` holds nothing of it.
    package borrowing func open(
        _ ciphertext: UnsafeRawBufferPointer, counter: UInt64, associated: UnsafeRawBufferPointer = noBytes,
        into plaintext: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard ciphertext.count == plaintext.count + RecordCipher.tagBytes else { return false }
        return key.withUnsafeBytes {
            cipher.open(ciphertext, key: $0, counter: counter, associated: associated, into: plaintext)
        }
    }
}
