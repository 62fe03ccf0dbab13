/// Proof that a worker holds the private half of the static key that it wants certified, made under its link name.
///
/// The vault sends a fresh X25519 public key; the proof is HMAC-SHA256 under the shared secret of
/// label ‖ length of the name (2) ‖ name ‖ static key ‖ challenge. A worker of an identity with ML-DSA proves its ML-DSA key
/// beside it, by a signature of the same text under a label of its own.
package struct PossessionChallenge: Sendable {
    package static let proofByteCount = 32

    private let ephemeral: StaticKey

    /// A fresh challenge; serves one request.
    package init() throws(SecretMemoryFailure) { self.ephemeral = try StaticKey() }

    /// What the worker is sent: 32 bytes.
    package var publicKey: [UInt8] { ephemeral.publicKey }

    /// Whether the proof shows possession of `staticKey` by the worker of that link name.
    package func isAnswered(by proof: [UInt8], staticKey: [UInt8], name: String) -> Bool {
        let text = PossessionChallenge.text(name: name, staticKey: staticKey, challenge: publicKey)
        guard let expected = ephemeral.authenticate(text, with: staticKey) else { return false }
        return expected.withUnsafeBytes { expected in proof.withUnsafeBytes { Sodium.areEqual(expected, $0) } }
    }

    /// Whether the signature shows possession of `postQuantumKey` by the worker of that link name and static key.
    package func isAnswered(
        by signature: [UInt8], postQuantumKey: [UInt8], staticKey: [UInt8], name: String
    ) -> Bool {
        let text = PossessionChallenge.subject(name: name, staticKey: staticKey, challenge: publicKey)
        return PostQuantumKey.isSigned(
            .workerPostQuantumPossession, text, by: postQuantumKey, signature: signature)
    }

    fileprivate static func text(name: String, staticKey: [UInt8], challenge: [UInt8]) -> [UInt8] {
        Label.workerPossession.bytes + subject(name: name, staticKey: staticKey, challenge: challenge)
    }

    fileprivate static func subject(name: String, staticKey: [UInt8], challenge: [UInt8]) -> [UInt8] {
        let name = Array(name.utf8.prefix(Int(UInt16.max)))
        let length = [UInt8(truncatingIfNeeded: name.count >> 8), UInt8(truncatingIfNeeded: name.count)]
        return length + name + staticKey + challenge
    }
}

extension PostQuantumKey {
    /// Answers a vault's challenge for the worker with that static key.
    package func provePossession(challenge: [UInt8], staticKey: [UInt8], name: String) -> [UInt8] {
        let text = PossessionChallenge.subject(name: name, staticKey: staticKey, challenge: challenge)
        return sign(.workerPostQuantumPossession, text)
    }
}

extension StaticKey {
    /// Answers a vault's challenge; 32 bytes, `nil` where the challenge is no key to agree with.
    package func provePossession(challenge: [UInt8], name: String) -> [UInt8]? {
        authenticate(
            PossessionChallenge.text(name: name, staticKey: publicKey, challenge: challenge), with: challenge)
    }

    fileprivate func authenticate(_ text: [UInt8], with remote: [UInt8]) -> [UInt8]? {
        var code = [UInt8](repeating: 0, count: 32)
        let isAgreed = withUnsafeTemporaryAllocation(byteCount: X25519.byteCount, alignment: 16) { shared in
            defer { Sodium.wipe(shared) }
            guard remote.withUnsafeBytes({ agree($0, into: shared) }) else { return false }
            text.withUnsafeBytes { text in
                code.withUnsafeMutableBytes {
                    NoiseHash.sha256.authenticate(key: UnsafeRawBufferPointer(shared), text, into: $0)
                }
            }
            return true
        }
        return isAgreed ? code : nil
    }
}
