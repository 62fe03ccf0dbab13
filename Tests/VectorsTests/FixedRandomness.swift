import GateModel
import NIOCore

@testable import GateCrypto

/// What one side draws, fixed.
struct FixedRandomness {
    /// Its X25519 private key.
    let ephemeral: [UInt8]
    /// d ‖ z of its ML-KEM key (FIPS 203, algorithm 19): the same everywhere, so that one encapsulation serves.
    static let kemSeed = pattern(64, from: 0x40)

    init(_ number: UInt8) { ephemeral = pattern(32, from: number) }

    var entropy: HandshakeEntropy {
        let encapsulator = Encapsulator(
            generate: { try KEMPrivateKey($0, seed: FixedRandomness.kemSeed) },
            encapsulate: { kem, _, memory in
                let known = try Encapsulation.known(kem)
                memory.ciphertext.copyBytes(from: known.ciphertext)
                memory.secret.copyBytes(from: known.secret)
            })
        return HandshakeEntropy(encapsulator: encapsulator) { [ephemeral] in $0.copyBytes(from: ephemeral) }
    }
}

/// A ciphertext for the key of ``FixedRandomness/kemSeed`` and its secret: drawn once, as no library takes randomness for
/// an encapsulation.
struct Encapsulation {
    let ciphertext: [UInt8]
    let secret: [UInt8]

    struct NotThere: Error {}

    static let file = VectorFile(name: "encapsulations")

    static let all: Result<Json, any Error> = Result {
        if let committed = try? file.read() { return committed }
        let drawn = Json.object(["encapsulations": .list(try NoiseKEM.allCases.map(draw))])
        try file.write(drawn)
        return drawn
    }

    static func known(_ kem: NoiseKEM) throws -> Encapsulation {
        let entry = try all.get()["encapsulations"]?.items.first { $0["kem"] == .number(Int(kem.rawValue)) }
        guard let ciphertext = entry?["ciphertext"]?.bytes, let secret = entry?["secret"]?.bytes else {
            throw NotThere()
        }
        return Encapsulation(ciphertext: ciphertext, secret: secret)
    }

    private static func draw(_ kem: NoiseKEM) throws -> Json {
        let key = try KEMPrivateKey(kem, seed: FixedRandomness.kemSeed)
        var publicKey = [UInt8](repeating: 0, count: kem.publicKeyByteCount)
        publicKey.withUnsafeMutableBytes { key.writePublicKey(into: $0) }
        var (ciphertext, secret) = ([UInt8](repeating: 0, count: kem.ciphertextByteCount), pattern(32, from: 0))
        try ciphertext.withUnsafeMutableBytes { ciphertext in
            try secret.withUnsafeMutableBytes { secret in
                try publicKey.withUnsafeBytes {
                    try Encapsulator.system.encapsulate(
                        kem, $0, Encapsulator.EncapsulationMemory(ciphertext: ciphertext, secret: secret))
                }
            }
        }
        return [
            "kem": .number(Int(kem.rawValue)), "seed": .hex(FixedRandomness.kemSeed),
            "ciphertext": .hex(ciphertext), "secret": .hex(secret),
        ]
    }
}

/// Bytes that count up.
func pattern(_ count: Int, from first: UInt8) -> [UInt8] { (0..<count).map { first &+ UInt8(truncatingIfNeeded: $0) } }

func secret(_ bytes: [UInt8], in slab: SecretSlab) throws -> Secret {
    try Secret(count: bytes.count, in: slab) { $0.copyBytes(from: bytes) }
}

extension Secret {
    /// What it is; fixed, in vectors.
    borrowing func bytes() -> [UInt8] { withUnsafeBytes { Array($0) } }
}

extension ByteBuffer {
    var json: Json { .hex(readableBytesView) }
}

extension NoiseSuite {
    /// Of each class every algorithm, and of the pairs that matter some.
    static let inVectors = [[1, 1, 1], [2, 2, 2], [1, 2, 3], [2, 1, 1]].compactMap { NoiseSuite(numbers: $0) }

    var json: Json { .list(numbers.map { .number(Int($0)) }) }
}
