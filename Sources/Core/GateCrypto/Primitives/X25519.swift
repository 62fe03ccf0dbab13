import Crypto

/// X25519 (RFC 7748) over raw memory.
///
/// Multiplying the base point is swift-crypto's (15 µs against libsodium's 38), agreeing is libsodium's (42 µs against
/// 37 and another 15 to bring the key into an object of its own, outside of the slab).
enum X25519 {
    static let byteCount = 32

    /// Writes the public key of 32 private bytes.
    static func publicKey(of secret: UnsafeRawBufferPointer, into publicKey: UnsafeMutableRawBufferPointer) {
        precondition(secret.count == byteCount && publicKey.count == byteCount, "an X25519 key has 32 bytes")
        guard let key = try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: secret) else {
            preconditionFailure("any 32 bytes are an X25519 private key")
        }
        publicKey.copyBytes(from: key.publicKey.rawRepresentation)
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
