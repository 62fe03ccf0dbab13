package import GateCrypto
import GateModel
import GateWire

/// What a finished handshake leaves to a session, or to a circuit's hop.
package struct SessionSecrets: ~Copyable {
    /// root₀ = HKDF-Expand(final chaining key, label ‖ handshake hash), as long as the suite's hash.
    package let root: Secret
    /// Binds everything both sides said; not secret.
    package let handshakeHash: [UInt8]
    /// The algorithms that were agreed on.
    package let suite: NoiseSuite
    /// Who, what for, and the session's name: the first half of SHA-256(label ‖ handshake hash).
    package let established: Established

    /// The other side's static key; empty for an anonymous one.
    let peerStaticKey: [UInt8]

    init(
        _ outcome: consuming NoiseOutcome, peer: SessionPeer, context: HandshakeContext, version: UInt8,
        proof: ResumptionProof? = nil, slab: SecretSlab
    ) throws(SecretMemoryFailure) {
        let hash = outcome.handshakeHash
        peerStaticKey = outcome.remoteStaticKey ?? []
        root = try KeyDerivation.expand(
            outcome.suite.hash, key: outcome.chainingKey, label: .root, context: hash,
            count: outcome.suite.hash.byteCount, in: slab)
        handshakeHash = hash
        suite = outcome.suite
        established = Established(
            session: SessionSecrets.name(of: hash), peer: peer, context: context, role: outcome.role,
            version: version, resuming: proof)
    }

    private static func name(of handshakeHash: [UInt8]) -> SessionID {
        var digest: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        withUnsafeMutableBytes(of: &digest) { digest in
            Label.session.bytes.withUnsafeBytes { label in
                handshakeHash.withUnsafeBytes { NoiseHash.sha256.hash(label, $0, into: digest) }
            }
        }
        return SessionID(UUIDBytes(high: UInt64(bigEndian: digest.0), low: UInt64(bigEndian: digest.1)))
    }
}
