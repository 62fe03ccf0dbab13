package import GateModel
package import NIOCore

/// A signature algorithm that an identity may have a key of.
package enum IdentityAlgorithm: UInt8, CaseIterable, Sendable {
    case ed25519 = 1
    case mldsa65 = 2

    package var publicKeyByteCount: Int { self == .ed25519 ? 32 : PostQuantumKey.publicKeyByteCount }
    package var signatureByteCount: Int { self == .ed25519 ? 64 : PostQuantumKey.signatureByteCount }
}

/// The public keys of a node's identity. The node's UUID is made from it, so whoever holds the bundle can check the
/// UUID.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | count of keys, 1 or 2 |
/// | 1 | 1: Ed25519 |
/// | 32 | its public key |
/// | 1 | where the count is 2: 2, ML-DSA-65 |
/// | 1,952 | its public key |
///
/// One list has one encoding; anything else is refused. What the identity signs it signs with every key, and only what
/// every key has signed holds.
package struct IdentityBundle: Hashable, Sendable {
    /// The Ed25519 public key, 32 bytes.
    package let signingKey: [UInt8]
    /// The ML-DSA-65 public key, 1,952 bytes; `nil` for an identity with Ed25519 alone.
    package let postQuantumKey: [UInt8]?
    /// SHA-256 of "QuantumGate node v1" and the encoded bundle: what `peers` keeps in full.
    package let hash: [UInt8]

    /// Bytes of a bundle with every algorithm.
    package static let encodedBytesMax = IdentityAlgorithm.allCases.reduce(1) { $0 + 1 + $1.publicKeyByteCount }
    /// Bytes of the signatures of an identity with every algorithm.
    package static let signatureBytesMax = IdentityAlgorithm.allCases.reduce(0) { $0 + $1.signatureByteCount }

    /// The bundle of an Ed25519 and perhaps an ML-DSA-65 public key; `nil` unless they are as long as such keys are.
    package init?(signingKey: [UInt8], postQuantumKey: [UInt8]? = nil) {
        guard signingKey.count == IdentityAlgorithm.ed25519.publicKeyByteCount,
            postQuantumKey.map({ $0.count == IdentityAlgorithm.mldsa65.publicKeyByteCount }) ?? true
        else { return nil }
        self.signingKey = signingKey
        self.postQuantumKey = postQuantumKey
        let text = Array(Label.node.rawValue.utf8) + IdentityBundle.encoding(signingKey, postQuantumKey)
        self.hash = [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            text.withUnsafeBytes {
                NoiseHash.sha256.hash($0, into: UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: 32))
            }
            count = 32
        }
    }

    /// The node's UUID: the first 16 bytes of `hash` with version 8 and the RFC 9562 variant set.
    package var uuid: NodeUUID {
        var high: UInt64 = 0
        var low: UInt64 = 0
        for index in 0..<8 {
            high = high << 8 | UInt64(hash[index])
            low = low << 8 | UInt64(hash[8 + index])
        }
        high = high & ~0xf000 | 0x8000
        low = low & ~(0b11 << 62) | 0b10 << 62
        return NodeUUID(UUIDBytes(high: high, low: low))
    }

    /// Whether the identity has an ML-DSA key, and so everything of it ML-DSA parts.
    package var isPostQuantum: Bool { postQuantumKey != nil }

    /// Version of certificates and records that this identity signs: 2 with ML-DSA parts.
    var formVersion: UInt8 { isPostQuantum ? 2 : 1 }

    /// Bytes of what the identity signs with all its keys: 64, or 3,373.
    package var signatureByteCount: Int {
        isPostQuantum ? IdentityBundle.signatureBytesMax : IdentityAlgorithm.ed25519.signatureByteCount
    }

    /// Whether every key of the bundle has signed these bytes under this label: the signatures in the bundle's order,
    /// nothing left out.
    package func isSigned(_ label: Label, _ bytes: [UInt8], signature: [UInt8]) -> Bool {
        guard signature.count == signatureByteCount else { return false }
        let split = IdentityAlgorithm.ed25519.signatureByteCount
        guard Signing.isSigned(label, bytes, by: signingKey, signature: Array(signature[..<split])) else {
            return false
        }
        guard let postQuantumKey else { return true }
        return PostQuantumKey.isSigned(label, bytes, by: postQuantumKey, signature: Array(signature[split...]))
    }

    /// The canonical bytes.
    package var encoded: [UInt8] { IdentityBundle.encoding(signingKey, postQuantumKey) }

    /// Reads one bundle from the front; `nil`, and nothing taken, where it is short, not canonical or of an unknown
    /// algorithm.
    package init?(from buffer: inout ByteBuffer) {
        var rest = buffer
        guard let count = rest.readInteger(as: UInt8.self), (1...2).contains(count),
            let signingKey = IdentityBundle.key(.ed25519, from: &rest)
        else { return nil }
        var postQuantumKey: [UInt8]?
        if count == 2 {
            guard let key = IdentityBundle.key(.mldsa65, from: &rest) else { return nil }
            postQuantumKey = key
        }
        self.init(signingKey: signingKey, postQuantumKey: postQuantumKey)
        buffer = rest
    }

    private static func key(_ algorithm: IdentityAlgorithm, from buffer: inout ByteBuffer) -> [UInt8]? {
        guard buffer.readInteger(as: UInt8.self) == algorithm.rawValue else { return nil }
        return buffer.readBytes(length: algorithm.publicKeyByteCount)
    }

    private static func encoding(_ signingKey: [UInt8], _ postQuantumKey: [UInt8]?) -> [UInt8] {
        let first = [postQuantumKey == nil ? 1 : 2, IdentityAlgorithm.ed25519.rawValue] + signingKey
        return postQuantumKey.map { first + [IdentityAlgorithm.mldsa65.rawValue] + $0 } ?? first
    }
}
