import Crypto

/// An ML-DSA-65 key pair (FIPS 204), of an identity or a worker: its seed in guarded memory, never given out but sealed.
///
/// A signature expands the seed anew, in ordinary memory that `CWipe` clears when it is freed. Immutable, so all event
/// loops of a worker share one. What is signed is the label (length byte and text), then the bytes, as with Ed25519; the
/// context string of FIPS 204 is empty, signatures are hedged and so never twice the same.
package final class PostQuantumKey: Sendable {
    package static let seedByteCount = 32
    package static let publicKeyByteCount = 1952
    package static let signatureByteCount = 3309

    /// The public key, as FIPS 204 encodes it.
    package let publicKey: [UInt8]
    private let seed: GuardedSecret

    /// A fresh random pair.
    package convenience init() throws(SecretMemoryFailure) {
        self.init(seed: try .random(count: PostQuantumKey.seedByteCount))
    }

    /// The pair of a 32-byte seed.
    package init(seed: GuardedSecret) {
        precondition(seed.count == PostQuantumKey.seedByteCount, "an ML-DSA seed has 32 bytes")
        self.seed = seed
        publicKey = [UInt8](PostQuantumKey.expanded(seed).publicKey.rawRepresentation)
    }

    /// Signs bytes under a label; 3,309 bytes.
    package func sign(_ label: Label, _ bytes: [UInt8]) -> [UInt8] {
        guard let signature = try? PostQuantumKey.expanded(seed).signature(for: label.bytes + bytes) else {
            preconditionFailure("an expanded ML-DSA key signs")
        }
        return [UInt8](signature)
    }

    /// Whether `signature` is the key's for these bytes under this label; not where a length is another.
    package static func isSigned(
        _ label: Label, _ bytes: [UInt8], by publicKey: [UInt8], signature: [UInt8]
    ) -> Bool {
        guard publicKey.count == publicKeyByteCount, signature.count == signatureByteCount,
            let key = try? MLDSA65.PublicKey(rawRepresentation: publicKey)
        else { return false }
        return key.isValidSignature(signature, for: label.bytes + bytes)
    }

    /// Writes the 32-byte seed, for sealing.
    func copySeed(into bytes: UnsafeMutableRawBufferPointer) { seed.withUnsafeBytes { bytes.copyMemory(from: $0) } }

    private static func expanded(_ seed: GuardedSecret) -> MLDSA65.PrivateKey {
        let key = seed.withUnsafeBytes { try? MLDSA65.PrivateKey(seedRepresentation: $0, publicKey: nil) }
        guard let key else { preconditionFailure("any 32 bytes are the seed of an ML-DSA key") }
        return key
    }
}
