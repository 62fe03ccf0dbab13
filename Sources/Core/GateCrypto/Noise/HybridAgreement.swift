/// Both phases of the key exchange once more, for a session that stands: the side that asks.
///
/// The keys are fresh and serve once. Their private halves live as a handshake's do: the X25519 key in the slab, the
/// ML-KEM key in ordinary memory that is wiped when freed.
package struct HybridOffer: ~Copyable {
    /// Bytes of what both sides come to know: the X25519 result, then the ML-KEM secret.
    package static let secretBytes = X25519.byteCount + NoiseKEM.sharedSecretByteCount

    /// The X25519 public key.
    package let agreementKey: [UInt8]
    /// The ML-KEM encapsulation key.
    package let encapsulationKey: [UInt8]

    private let kem: NoiseKEM
    private let agreementSecret: Secret
    private let decapsulationKey: KEMPrivateKey
    private let slab: SecretSlab

    /// Draws both keys.
    package init(_ kem: NoiseKEM, entropy: HandshakeEntropy, in slab: SecretSlab) throws(NoiseFailure) {
        let secret = try freshAgreementSecret(entropy, in: slab)
        guard let key = try? entropy.encapsulator.generate(kem) else { throw .badKey }
        self.kem = kem
        self.slab = slab
        agreementKey = publicKey(of: secret)
        agreementSecret = secret
        decapsulationKey = key
        encapsulationKey = [UInt8](unsafeUninitializedCapacity: kem.publicKeyByteCount) { bytes, count in
            count = kem.publicKeyByteCount
            key.writePublicKey(into: UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: count))
        }
    }

    /// The ``secretBytes`` that the answer makes known. A changed ciphertext gives others, not a failure.
    package func agree(with agreementKey: [UInt8], _ ciphertext: [UInt8]) throws(NoiseFailure) -> Secret {
        guard ciphertext.count == kem.ciphertextByteCount else { throw .badKey }
        var isAgreed = false
        let fresh = try withMemoryFailure { () throws(SecretMemoryFailure) in
            try Secret(count: HybridOffer.secretBytes, in: slab) { memory in
                let halves = HybridHalves(memory)
                let isKnown = agreementSecret.withUnsafeBytes { secret in
                    agreementKey.withUnsafeBytes { X25519.agree(secret, $0, into: halves.agreed) }
                }
                guard isKnown else { return }
                isAgreed = ciphertext.withUnsafeBytes {
                    (try? decapsulationKey.decapsulate($0, into: halves.encapsulated)) != nil
                }
            }
        }
        guard isAgreed else { throw .badKey }
        return fresh
    }
}

/// The side that answers a ``HybridOffer``.
package struct HybridAnswer: ~Copyable {
    /// The X25519 public key.
    package let agreementKey: [UInt8]
    /// The ML-KEM ciphertext.
    package let ciphertext: [UInt8]
    /// What both sides know now: ``HybridOffer/secretBytes``.
    package let secret: Secret

    /// Draws this side's part. Throws `badKey` where a key of the offer is of small order, has another length than the
    /// KEM's, or fails FIPS 203 §7.2.
    package init(
        to agreementKey: [UInt8], _ encapsulationKey: [UInt8], _ kem: NoiseKEM, entropy: HandshakeEntropy,
        in slab: SecretSlab
    ) throws(NoiseFailure) {
        guard encapsulationKey.count == kem.publicKeyByteCount else { throw .badKey }
        let own = try freshAgreementSecret(entropy, in: slab)
        var ciphertext = [UInt8](repeating: 0, count: kem.ciphertextByteCount)
        var isAgreed = false
        let fresh = try withMemoryFailure { () throws(SecretMemoryFailure) in
            try Secret(count: HybridOffer.secretBytes, in: slab) { memory in
                let halves = HybridHalves(memory)
                let isKnown = own.withUnsafeBytes { own in
                    agreementKey.withUnsafeBytes { X25519.agree(own, $0, into: halves.agreed) }
                }
                guard isKnown else { return }
                isAgreed = ciphertext.withUnsafeMutableBytes { ciphertext in
                    let result = Encapsulator.EncapsulationMemory(ciphertext: ciphertext, secret: halves.encapsulated)
                    return encapsulationKey.withUnsafeBytes {
                        (try? entropy.encapsulator.encapsulate(kem, $0, result)) != nil
                    }
                }
            }
        }
        guard isAgreed else { throw .badKey }
        self.agreementKey = publicKey(of: own)
        self.ciphertext = ciphertext
        secret = fresh
    }
}

/// The X25519 result, then the ML-KEM secret.
private struct HybridHalves {
    let agreed: UnsafeMutableRawBufferPointer
    let encapsulated: UnsafeMutableRawBufferPointer

    init(_ memory: UnsafeMutableRawBufferPointer) {
        agreed = UnsafeMutableRawBufferPointer(rebasing: memory[..<X25519.byteCount])
        encapsulated = UnsafeMutableRawBufferPointer(rebasing: memory[X25519.byteCount...])
    }
}

private func freshAgreementSecret(_ entropy: HandshakeEntropy, in slab: SecretSlab) throws(NoiseFailure) -> Secret {
    try withMemoryFailure { () throws(SecretMemoryFailure) in
        try Secret(count: X25519.byteCount, in: slab) { entropy.fillEphemeral($0) }
    }
}

private func publicKey(of secret: borrowing Secret) -> [UInt8] {
    secret.withUnsafeBytes { secret in
        [UInt8](unsafeUninitializedCapacity: X25519.byteCount) { bytes, count in
            count = X25519.byteCount
            X25519.publicKey(of: secret, into: UnsafeMutableRawBufferPointer(start: bytes.baseAddress, count: count))
        }
    }
}
