/// A worker's X25519 key pair; the private half stays in guarded memory and is never given out.
///
/// Immutable, so all event loops of a worker share one.
package final class StaticKey: Sendable {
    /// The 32-byte public key.
    package let publicKey: [UInt8]
    private let secret: GuardedSecret

    /// A fresh random pair.
    package convenience init() throws(SecretMemoryFailure) {
        self.init(secret: try .random(count: X25519.byteCount))
    }

    /// The pair of 32 given private bytes.
    package init(secret: GuardedSecret) {
        precondition(secret.count == X25519.byteCount, "an X25519 key has 32 bytes")
        self.secret = secret
        self.publicKey = secret.withUnsafeBytes { secret in
            [UInt8](unsafeUninitializedCapacity: X25519.byteCount) { buffer, count in
                X25519.publicKey(
                    of: secret, into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: X25519.byteCount))
                count = X25519.byteCount
            }
        }
    }

    /// Writes the shared secret with a public key; `false` where that is refused.
    func agree(_ publicKey: UnsafeRawBufferPointer, into shared: UnsafeMutableRawBufferPointer) -> Bool {
        secret.withUnsafeBytes { X25519.agree($0, publicKey, into: shared) }
    }
}
