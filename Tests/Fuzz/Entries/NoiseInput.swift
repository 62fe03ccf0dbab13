import GateCrypto
import NIOCore

/// Messages of a Noise handshake. First byte: bit 0 the responder's answer rather than the initiator's first message,
/// bit 1 an initiator without a name. The rest: the message.
enum NoiseInput {
    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        let isAnswer = mode & 1 == 1
        var reader = handshake(mode, isAnswer ? .initiator : .responder)
        var output = ByteBuffer()
        do {
            if isAnswer { try reader.writeMessage(into: &output) }
            _ = try reader.readMessage(ByteBuffer(bytes: bytes.dropFirst()))
            precondition(!isAnswer || reader.remoteStaticKey != nil, "who answered is known")
            if reader.isMyTurn { try reader.writeMessage(into: &output) }
        } catch {
            precondition(!reader.isComplete && !reader.isMyTurn, "a handshake that failed goes no further")
        }
    }

    private static func handshake(_ mode: UInt8, _ role: NoiseRole) -> NoiseHandshake {
        let seed: UInt64 = role == .initiator ? 1 : 2
        return honest {
            try NoiseHandshake(
                pattern: mode & 2 == 0 ? .mutual : .anonymous, suite: .standard, role: role, prologue: [],
                localStatic: key(role), entropy: .seeded(seed), slab: SecretSlab())
        }
    }

    private static func key(_ role: NoiseRole) throws -> StaticKey {
        StaticKey(secret: try GuardedSecret([UInt8](repeating: role == .initiator ? 1 : 2, count: 32)))
    }

    /// Both honest messages of both patterns; the answers hold random encapsulations.
    static func seeds() throws -> [[UInt8]] {
        try [0, 2].flatMap { (mode: UInt8) in
            var initiator = handshake(mode, .initiator)
            var responder = handshake(mode, .responder)
            var (first, second) = (ByteBuffer(), ByteBuffer())
            try initiator.writeMessage(into: &first)
            _ = try responder.readMessage(first)
            try responder.writeMessage(payload: [1, 2, 3], into: &second)
            return [[mode] + first.bytes, [mode | 1] + second.bytes]
        }
    }
}
