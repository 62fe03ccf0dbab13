import CBoring

/// X25519 (RFC 7748) over raw memory: BoringSSL's (32 and 13 µs for agreeing and the base point against libsodium's 42
/// and 38 on the machine of the Measurements article).
enum X25519 {
    static let byteCount = Int(GATE_X25519_BYTES)

    /// Writes the public key of 32 private bytes.
    static func publicKey(of secret: UnsafeRawBufferPointer, into publicKey: UnsafeMutableRawBufferPointer) {
        precondition(secret.count == byteCount && publicKey.count == byteCount, "an X25519 key has 32 bytes")
        gate_x25519_public(publicKey.bytes, secret.bytes)
    }

    /// Writes the shared secret; `false`, and zeros, where it is all zero (a public key of small order).
    static func agree(
        _ secret: UnsafeRawBufferPointer, _ publicKey: UnsafeRawBufferPointer,
        into shared: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard publicKey.count == byteCount else { return false }
        precondition(secret.count == byteCount && shared.count == byteCount, "an X25519 key has 32 bytes")
        return gate_x25519_agree(shared.bytes, secret.bytes, publicKey.bytes) == 1
    }
}
