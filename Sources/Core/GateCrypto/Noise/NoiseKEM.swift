package import Crypto

/// The key encapsulation of the handshake's second phase (FIPS 203).
package enum NoiseKEM: UInt8, CaseIterable, Sendable {
    case mlkem768 = 1
    case mlkem1024 = 2

    package static let sharedSecretByteCount = 32

    package var publicKeyByteCount: Int { self == .mlkem768 ? 1184 : 1568 }
    package var ciphertextByteCount: Int { self == .mlkem768 ? 1088 : 1568 }

    /// As in a protocol name, after `25519+`.
    package var name: String { self == .mlkem768 ? "MLKEM768" : "MLKEM1024" }
}

/// One ephemeral ML-KEM private key. swift-crypto keeps it in ordinary memory, which `CWipe` clears when it is freed.
package enum KEMPrivateKey {
    case mlkem768(MLKEM768.PrivateKey)
    case mlkem1024(MLKEM1024.PrivateKey)

    /// A fresh random key.
    package static func generate(_ kem: NoiseKEM) throws -> KEMPrivateKey {
        switch kem {
        case .mlkem768: .mlkem768(try MLKEM768.PrivateKey())
        case .mlkem1024: .mlkem1024(try MLKEM1024.PrivateKey())
        }
    }

    /// The key of a 64-byte seed (d ‖ z), for tests.
    package init(_ kem: NoiseKEM, seed: [UInt8]) throws {
        switch kem {
        case .mlkem768: self = .mlkem768(try MLKEM768.PrivateKey(seedRepresentation: seed, publicKey: nil))
        case .mlkem1024: self = .mlkem1024(try MLKEM1024.PrivateKey(seedRepresentation: seed, publicKey: nil))
        }
    }

    /// Writes the public key, which has the KEM's count of bytes.
    package func writePublicKey(into bytes: UnsafeMutableRawBufferPointer) {
        switch self {
        case .mlkem768(let key): bytes.copyBytes(from: key.publicKey.rawRepresentation)
        case .mlkem1024(let key): bytes.copyBytes(from: key.publicKey.rawRepresentation)
        }
    }

    /// Writes the 32-byte shared secret of a ciphertext. A changed ciphertext gives another secret (implicit
    /// rejection).
    package func decapsulate(
        _ ciphertext: UnsafeRawBufferPointer, into secret: UnsafeMutableRawBufferPointer
    ) throws {
        switch self {
        case .mlkem768(let key):
            try key.decapsulate(ciphertext).withUnsafeBytes { secret.copyMemory(from: $0) }
        case .mlkem1024(let key):
            try key.decapsulate(ciphertext).withUnsafeBytes { secret.copyMemory(from: $0) }
        }
    }
}

/// Makes ephemeral ML-KEM keys and encapsulates: the two places that draw randomness, so that tests can replay them.
package struct Encapsulator: Sendable {
    /// Makes a key pair.
    package var generate: @Sendable (NoiseKEM) throws -> KEMPrivateKey
    /// Writes ciphertext and shared secret for a public key; throws where that fails FIPS 203 §7.2.
    package var encapsulate:
        @Sendable (NoiseKEM, _ publicKey: UnsafeRawBufferPointer, _ result: EncapsulationMemory) throws -> Void

    /// Where an encapsulation is written: the KEM's count of bytes, and 32.
    package struct EncapsulationMemory {
        package var ciphertext: UnsafeMutableRawBufferPointer
        package var secret: UnsafeMutableRawBufferPointer
    }

    package init(
        generate: @escaping @Sendable (NoiseKEM) throws -> KEMPrivateKey,
        encapsulate: @escaping @Sendable (NoiseKEM, UnsafeRawBufferPointer, EncapsulationMemory) throws -> Void
    ) {
        self.generate = generate
        self.encapsulate = encapsulate
    }

    /// swift-crypto with the system's randomness.
    package static let system = Encapsulator(generate: KEMPrivateKey.generate) { kem, publicKey, memory in
        let result =
            switch kem {
            case .mlkem768: try MLKEM768.PublicKey(rawRepresentation: publicKey).encapsulate()
            case .mlkem1024: try MLKEM1024.PublicKey(rawRepresentation: publicKey).encapsulate()
            }
        memory.ciphertext.copyBytes(from: result.encapsulated)
        result.sharedSecret.withUnsafeBytes { memory.secret.copyMemory(from: $0) }
    }
}

/// All that a handshake draws at random. Each value serves one handshake; `system` may be passed to any number.
package struct HandshakeEntropy: Sendable {
    /// Fills 32 bytes with a fresh X25519 private key.
    package var fillEphemeral: @Sendable (UnsafeMutableRawBufferPointer) -> Void
    /// The second phase.
    package var encapsulator: Encapsulator

    package init(
        encapsulator: Encapsulator = .system,
        fillEphemeral: @escaping @Sendable (UnsafeMutableRawBufferPointer) -> Void
    ) {
        self.fillEphemeral = fillEphemeral
        self.encapsulator = encapsulator
    }

    /// The operating system's randomness.
    package static let system = HandshakeEntropy(fillEphemeral: SystemEntropy.fill)
}
