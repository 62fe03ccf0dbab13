import Crypto

/// X25519 (RFC 7748) over raw memory.
enum X25519 {
    static let byteCount = 32

    /// Writes the public key of 32 private bytes.
    static func publicKey(of secret: UnsafeRawBufferPointer, into publicKey: UnsafeMutableRawBufferPointer) {
        Sodium.scalarMultiplyBase(secret, into: publicKey)
    }

    /// Writes the shared secret; `false`, and zeros, where it is all zero (a public key of small order).
    static func agree(
        _ secret: UnsafeRawBufferPointer, _ publicKey: UnsafeRawBufferPointer,
        into shared: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard publicKey.count == byteCount else { return false }
        return Sodium.scalarMultiply(secret, publicKey, into: shared)
    }
}
