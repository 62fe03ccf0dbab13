/// A node's identity: the Ed25519 private key and perhaps an ML-DSA-65 one, in guarded memory of their own. Lives in the
/// database service's vault, or in the process of an embedded node; workers never have it.
package final class IdentityKey: Sendable {
    /// The public half.
    package let bundle: IdentityBundle
    private let secretKey: GuardedSecret
    private let postQuantumKey: PostQuantumKey?

    /// Bytes of the Ed25519 seed.
    package static let seedByteCount = 32
    /// Bytes of both seeds, as a vault keeps those of an identity with ML-DSA.
    package static let seedBytesMax = seedByteCount + PostQuantumKey.seedByteCount

    /// A fresh random identity; with an ML-DSA-65 key where that is wanted, which none gets later.
    package static func generate(isPostQuantum: Bool = false) throws(SecretMemoryFailure) -> IdentityKey {
        try IdentityKey(
            seed: .random(count: seedByteCount), postQuantumKey: isPostQuantum ? PostQuantumKey() : nil)
    }

    /// The identity of a 32-byte seed, and of an ML-DSA-65 key where it has one.
    package init(seed: GuardedSecret, postQuantumKey: PostQuantumKey? = nil) throws(SecretMemoryFailure) {
        precondition(seed.count == IdentityKey.seedByteCount, "an identity's seed has 32 bytes")
        var publicKey = [UInt8](repeating: 0, count: IdentityAlgorithm.ed25519.publicKeyByteCount)
        let secretKey = try GuardedSecret(count: 64) { secretKey in
            seed.withUnsafeBytes { seed in
                publicKey.withUnsafeMutableBytes {
                    Sodium.signingKeyPair(seed: seed, secretKey: secretKey, publicKey: $0)
                }
            }
        }
        guard let bundle = IdentityBundle(signingKey: publicKey, postQuantumKey: postQuantumKey?.publicKey) else {
            preconditionFailure("an Ed25519 public key makes a bundle")
        }
        self.bundle = bundle
        self.secretKey = secretKey
        self.postQuantumKey = postQuantumKey
    }

    /// The identity of a vault's row; throws where key, row or label are not those that sealed it.
    package convenience init(unsealing row: [UInt8], with key: GuardedSecret) throws(VaultFailure) {
        let seeds = try Vault.open(row, label: .vaultIdentity, with: key)
        guard [IdentityKey.seedByteCount, IdentityKey.seedBytesMax].contains(seeds.count) else { throw .notAuthentic }
        do {
            let seed = try IdentityKey.part(..<IdentityKey.seedByteCount, of: seeds)
            let isPostQuantum = seeds.count == IdentityKey.seedBytesMax
            let other = try isPostQuantum ? IdentityKey.part(IdentityKey.seedByteCount..., of: seeds) : nil
            try self.init(seed: seed, postQuantumKey: other.map { PostQuantumKey(seed: $0) })
        } catch { throw .memory(error) }
    }

    /// The seed, with ML-DSA both one after the other, sealed with a vault key, for the vault's row.
    package func sealed(with key: GuardedSecret) throws(VaultFailure) -> [UInt8] {
        let seeds: GuardedSecret
        do {
            seeds = try GuardedSecret(
                count: postQuantumKey == nil ? IdentityKey.seedByteCount : IdentityKey.seedBytesMax
            ) { seeds in
                // The secret key is the seed and the public key (RFC 8032, section 5.1.5).
                secretKey.withUnsafeBytes {
                    seeds.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<IdentityKey.seedByteCount]))
                }
                postQuantumKey?.copySeed(
                    into: UnsafeMutableRawBufferPointer(rebasing: seeds[IdentityKey.seedByteCount...]))
            }
        } catch { throw .memory(error) }
        return try seeds.withUnsafeBytes { seeds throws(VaultFailure) in
            try Vault.seal(seeds, label: .vaultIdentity, with: key)
        }
    }

    /// Signs bytes under a label with every key, in the bundle's order: 64 bytes, with ML-DSA 3,373.
    package func sign(_ label: Label, _ bytes: [UInt8]) -> [UInt8] {
        let text = label.bytes + bytes
        let signature = secretKey.withUnsafeBytes { key in
            text.withUnsafeBytes { Sodium.sign($0, secretKey: key) }
        }
        return postQuantumKey.map { signature + $0.sign(label, bytes) } ?? signature
    }

    private static func part(
        _ range: some RangeExpression<Int>, of seeds: GuardedSecret
    ) throws(SecretMemoryFailure) -> GuardedSecret {
        try seeds.withUnsafeBytes { seeds throws(SecretMemoryFailure) in
            try GuardedSecret(copying: UnsafeRawBufferPointer(rebasing: seeds[range]))
        }
    }
}
