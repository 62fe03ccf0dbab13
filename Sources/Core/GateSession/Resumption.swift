package import GateCrypto
package import GateModel

/// What an initiator brings to a handshake to go on with a session that it has: the session's name, and the secret that
/// both sides exported from it.
///
/// Belongs to the event loop of the secret's slab.
package struct ResumptionClaim: ~Copyable {
    /// The session that is to go on.
    package let session: SessionID
    /// Its resumption secret: ``ResumptionProof/secretBytes`` bytes.
    package let secret: Secret

    package init(session: SessionID, secret: consuming Secret) {
        self.session = session
        self.secret = secret
    }

    /// What travels: the session's name, then the code over this handshake.
    borrowing func encoded(handshakeHash: [UInt8]) -> [UInt8] {
        secret.withUnsafeBytes {
            session.value.bytes + ResumptionProof.code(of: session, handshakeHash: handshakeHash, secret: $0)
        }
    }
}

/// An initiator's proof that it is the other side of a session, bound to the handshake that brought it.
///
/// In the payload of flight 3, behind the certificate:
///
/// | bytes | what |
/// | --- | --- |
/// | 16 | the session's name |
/// | 32 | HMAC-SHA256 under the session's resumption secret of label ‖ name ‖ handshake hash after flight 2 |
///
/// The hash covers both sides' fresh keys, so a proof serves the one handshake that it was made in.
package struct ResumptionProof: Hashable, Sendable {
    /// The session that is to go on.
    package let session: SessionID
    /// What only the holder of the session's secret can make.
    package let code: [UInt8]
    /// The hash that the code is bound to: 32 or 64 bytes.
    package let handshakeHash: [UInt8]

    /// Bytes of a resumption secret, and of a code.
    package static let secretBytes = 32
    /// Bytes of a proof on the wire.
    package static let encodedBytes = 16 + secretBytes

    package init(session: SessionID, code: [UInt8], handshakeHash: [UInt8]) {
        self.session = session
        self.code = code
        self.handshakeHash = handshakeHash
    }

    /// Reads a proof that came in a handshake with this hash; `nil` where the bytes are not just as many.
    init?(encoded: [UInt8], handshakeHash: [UInt8]) {
        guard encoded.count == ResumptionProof.encodedBytes, let name = UUIDBytes(bytes: encoded[..<16]) else {
            return nil
        }
        self.init(session: SessionID(name), code: Array(encoded[16...]), handshakeHash: handshakeHash)
    }

    /// Whether the proof was made with this secret; compares in constant time.
    package func isMade(with secret: UnsafeRawBufferPointer) -> Bool {
        let expected = ResumptionProof.code(of: session, handshakeHash: handshakeHash, secret: secret)
        return expected.withUnsafeBytes { expected in code.withUnsafeBytes { Sodium.areEqual(expected, $0) } }
    }

    fileprivate static func code(
        of session: SessionID, handshakeHash: [UInt8], secret: UnsafeRawBufferPointer
    ) -> [UInt8] {
        let name = Label.resumptionProof.bytes + session.value.bytes
        return [UInt8](unsafeUninitializedCapacity: secretBytes) { code, count in
            name.withUnsafeBytes { name in
                handshakeHash.withUnsafeBytes {
                    NoiseHash.sha256.authenticate(key: secret, name, $0, into: UnsafeMutableRawBufferPointer(code))
                }
            }
            count = secretBytes
        }
    }
}
