/// A node's identity: the Ed25519 private key, in guarded memory of its own. Lives in the database service's vault, or
/// in the process of an embedded node; workers never have it.
package final class IdentityKey: Sendable {
    /// The public half.
    package let bundle: IdentityBundle
    private let secretKey: GuardedSecret

    /// Bytes of the seed that a vault keeps.
    package static let seedByteCount = 32

    /// A fresh random identity.
    package static func generate() throws(SecretMemoryFailure) -> IdentityKey {
        try IdentityKey(seed: .random(count: seedByteCount))
    }

    /// The identity of a 32-byte seed.
    package init(seed: GuardedSecret) throws(SecretMemoryFailure) {
        precondition(seed.count == IdentityKey.seedByteCount, "an identity's seed has 32 bytes")
        var publicKey = [UInt8](repeating: 0, count: IdentityAlgorithm.ed25519.publicKeyByteCount)
        let secretKey = try GuardedSecret(count: 64) { secretKey in
            seed.withUnsafeBytes { seed in
                publicKey.withUnsafeMutableBytes {
                    Sodium.signingKeyPair(seed: seed, secretKey: secretKey, publicKey: $0)
                }
            }
        }
        guard let bundle = IdentityBundle(signingKey: publicKey) else {
            preconditionFailure("an Ed25519 public key makes a bundle")
        }
        self.bundle = bundle
        self.secretKey = secretKey
    }

    /// The identity of a vault's row; throws where key, row or label are not those that sealed it.
    package convenience init(unsealing row: [UInt8], with key: GuardedSecret) throws(VaultFailure) {
        let seed = try Vault.open(row, label: .vaultIdentity, with: key)
        guard seed.count == IdentityKey.seedByteCount else { throw .notAuthentic }
        do { try self.init(seed: seed) } catch { throw .memory(error) }
    }

    /// The seed, sealed with a vault key, for the vault's row.
    package func sealed(with key: GuardedSecret) throws(VaultFailure) -> [UInt8] {
        // The secret key is the seed and the public key (RFC 8032, section 5.1.5).
        try secretKey.withUnsafeBytes { bytes throws(VaultFailure) in
            let seed = UnsafeRawBufferPointer(rebasing: bytes[..<IdentityKey.seedByteCount])
            return try Vault.seal(seed, label: .vaultIdentity, with: key)
        }
    }

    /// Signs bytes under a label; 64 bytes.
    package func sign(_ label: Label, _ bytes: [UInt8]) -> [UInt8] {
        let text = label.bytes + bytes
        return secretKey.withUnsafeBytes { key in text.withUnsafeBytes { Sodium.sign($0, secretKey: key) } }
    }
}
