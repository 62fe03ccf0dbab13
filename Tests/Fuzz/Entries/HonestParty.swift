import GateCrypto
import GateModel
import GateTestKit
import NIOCore

/// The value that an honest party makes. That it can be made is no question of the input.
func honest<Value: ~Copyable>(_ make: () throws -> Value) -> Value {
    do { return try make() } catch { preconditionFailure("an honest party failed: \(error)") }
}

extension TestNode {
    /// A node whose handshakes draw what its number says, but for encapsulations.
    static func seeded(_ number: UInt8) -> TestNode {
        honest { try TestNode(number, entropy: .seeded(UInt64(number))) }
    }
}

extension HandshakeEntropy {
    /// Keys that the seed brings back; for one handshake of each side.
    static func seeded(_ seed: UInt64) -> HandshakeEntropy {
        let encapsulator = Encapsulator(
            generate: { kem in
                var random = SeededRandom(seed: seed)
                return try KEMPrivateKey(kem, seed: random.bytes(64))
            }, encapsulate: Encapsulator.system.encapsulate)
        return HandshakeEntropy(encapsulator: encapsulator) { bytes in
            var random = SeededRandom(seed: seed)
            bytes.copyBytes(from: random.bytes(bytes.count))
        }
    }
}

extension UUIDBytes {
    /// A UUID of a number.
    static func numbered(_ number: UInt64) -> UUIDBytes {
        UUIDBytes(high: number << 32 | 0x8000, low: 1 << 63 | number)
    }
}

extension ByteBuffer {
    /// All that can be read.
    var bytes: [UInt8] { Array(readableBytesView) }
}
