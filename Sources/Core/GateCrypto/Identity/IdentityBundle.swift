package import GateModel
package import NIOCore

/// A signature algorithm that an identity may have a key of.
package enum IdentityAlgorithm: UInt8, CaseIterable, Sendable {
    case ed25519 = 1

    package var publicKeyByteCount: Int { 32 }
    package var signatureByteCount: Int { 64 }
}

/// The public keys of a node's identity. The node's UUID is made from it, so whoever holds the bundle can check the
/// UUID.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | count of keys, 1 … 4 |
/// | 1 | algorithm; rising, none twice, the first is Ed25519 (1) |
/// | n | its public key, of the algorithm's length |
///
/// One list has one encoding; anything else is refused.
package struct IdentityBundle: Hashable, Sendable {
    /// The Ed25519 public key, 32 bytes.
    package let signingKey: [UInt8]
    /// SHA-256 of "QuantumGate node v1" and the encoded bundle: what `peers` keeps in full.
    package let hash: [UInt8]

    package static let encodedBytesMax = 34

    /// The bundle of an Ed25519 public key; `nil` unless it has 32 bytes.
    package init?(signingKey: [UInt8]) {
        guard signingKey.count == IdentityAlgorithm.ed25519.publicKeyByteCount else { return nil }
        self.signingKey = signingKey
        let text = Array(Label.node.rawValue.utf8) + IdentityBundle.encoding(signingKey)
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

    /// The canonical bytes.
    package var encoded: [UInt8] { IdentityBundle.encoding(signingKey) }

    /// Reads one bundle from the front; `nil`, and nothing taken, where it is short, not canonical or of an unknown
    /// algorithm.
    package init?(from buffer: inout ByteBuffer) {
        var rest = buffer
        guard rest.readInteger(as: UInt8.self) == 1,
            rest.readInteger(as: UInt8.self) == IdentityAlgorithm.ed25519.rawValue,
            let key = rest.readBytes(length: IdentityAlgorithm.ed25519.publicKeyByteCount)
        else { return nil }
        self.init(signingKey: key)
        buffer = rest
    }

    private static func encoding(_ signingKey: [UInt8]) -> [UInt8] {
        [1, IdentityAlgorithm.ed25519.rawValue] + signingKey
    }
}
