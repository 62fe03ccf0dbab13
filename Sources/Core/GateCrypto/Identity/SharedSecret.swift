/// A network's global shared secret, as the two keys that are made of it; the secret itself is not kept.
///
/// Immutable, so all event loops share one.
package final class SharedSecret: Sendable {
    /// Mixed into the masks of flights (`FlightMask`), 32 bytes.
    package let maskingKey: GuardedSecret
    /// The handshake's `psk`, 32 bytes.
    package let psk: GuardedSecret

    /// Bytes of a secret that is no passphrase.
    package static let byteCount = 32
    /// The shortest passphrase that is accepted, in bytes.
    package static let passphraseBytesMin = 8

    /// Derives both keys, by separate labels, from 32 uniformly random bytes.
    package init(_ secret: GuardedSecret) throws(SecretMemoryFailure) {
        precondition(secret.count == SharedSecret.byteCount, "a shared secret has 32 bytes")
        self.maskingKey = try SharedSecret.derive(.flightSecret, from: secret)
        self.psk = try SharedSecret.derive(.handshakeSecret, from: secret)
    }

    /// Stretches a passphrase with Argon2id (moderate limits: 256 MiB, about a second), the salt being a fixed label's
    /// hash: all members must agree, and a weak passphrase can be guessed offline. Not for an event loop. `nil` where
    /// the passphrase is too short or memory for Argon2id is missing.
    package static func stretching(_ passphrase: GuardedSecret) throws(SecretMemoryFailure) -> SharedSecret? {
        guard passphrase.count >= passphraseBytesMin else { return nil }
        Sodium.start()
        var salt = [UInt8](repeating: 0, count: 32)
        Array(Label.sharedSecretPassphrase.rawValue.utf8).withUnsafeBytes { label in
            salt.withUnsafeMutableBytes { NoiseHash.sha256.hash(label, into: $0) }
        }
        var isStretched = false
        let secret = try GuardedSecret(count: 32) { output in
            isStretched = passphrase.withUnsafeBytes { passphrase in
                salt.withUnsafeBytes {
                    Sodium.stretch(passphrase, salt: UnsafeRawBufferPointer(rebasing: $0[..<16]), into: output)
                }
            }
        }
        return isStretched ? try SharedSecret(secret) : nil
    }

    private static func derive(
        _ label: Label, from secret: GuardedSecret
    ) throws(SecretMemoryFailure) -> GuardedSecret {
        let info = label.bytes
        return try GuardedSecret(count: 32) { output in
            secret.withUnsafeBytes { key in
                info.withUnsafeBytes { KeyDerivation.expand(.sha256, key: key, info: $0, into: output) }
            }
        }
    }
}
