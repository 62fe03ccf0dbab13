/// The AEADs of Noise (revision 34, section 12): a 32-byte key, a 64-bit counter as nonce, a 16-byte tag.
package enum NoiseCipher: UInt8, CaseIterable, Sendable {
    case aesGCM = 1
    case chaChaPoly = 2

    package static let keyByteCount = 32
    package static let tagByteCount = 16

    /// As in a protocol name.
    package var name: String { self == .aesGCM ? "AESGCM" : "ChaChaPoly" }

    /// Seals `plaintext` into `output` (16 bytes longer), which may be the same memory.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, counter: UInt64,
        associated: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) {
        withNonce(counter) {
            Aead.seal(
                self, SealInput(key: key, nonce: $0, associated: associated, input: plaintext, output: output))
        }
    }

    /// Opens `sealed` into `output` (16 bytes shorter), which may be the same memory; `false` where it was changed.
    package func open(
        _ sealed: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, counter: UInt64,
        associated: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard sealed.count >= NoiseCipher.tagByteCount else { return false }
        return withNonce(counter) {
            Aead.open(self, SealInput(key: key, nonce: $0, associated: associated, input: sealed, output: output))
        }
    }

    /// 96 bits of nonce: 32 zero bits and the counter, big-endian for AES-GCM and little-endian for ChaCha20-Poly1305.
    private func withNonce<Result>(_ counter: UInt64, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let counter = self == .aesGCM ? counter.bigEndian : counter.littleEndian
        let low = UInt32(truncatingIfNeeded: counter)
        let high = UInt32(truncatingIfNeeded: counter >> 32)
        return withUnsafeBytes(of: (UInt32(0), low, high), body)
    }
}
