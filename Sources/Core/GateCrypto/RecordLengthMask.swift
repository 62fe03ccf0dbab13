import CSodium

/// Hides the lengths of records: SipHash-2-4 of the record's counter under a key of its own, its first two bytes.
package struct RecordLengthMask: ~Copyable {
    private let key: Secret

    /// Takes over a key of 16 bytes.
    package init(key: consuming Secret) {
        precondition(key.count == 16, "SipHash-2-4 has a key of 16 bytes")
        self.key = key
    }

    /// What the length of the record with this counter is XORed with. The counter is hashed little-endian.
    package borrowing func mask(counter: UInt64) -> UInt16 {
        var digest: UInt64 = 0
        withUnsafeMutableBytes(of: &digest) { digest in
            withUnsafeBytes(of: counter.littleEndian) { input in
                key.withUnsafeBytes { key in
                    _ = crypto_shorthash_siphash24(digest.bytes, input.bytes, UInt64(input.count), key.bytes)
                }
            }
        }
        return UInt16(truncatingIfNeeded: UInt64(bigEndian: digest) >> 48)
    }
}
