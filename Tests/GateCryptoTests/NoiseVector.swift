import GateCrypto
import NIOCore
import Testing

/// A file of handshakes as bytes, in the form of the cacophony set; our own transcripts add the KEM's randomness.
struct NoiseVectorFile: Decodable {
    let vectors: [NoiseVector]
}

struct NoiseVector: Decodable {
    struct Message: Decodable {
        let payload: Hex
        let ciphertext: Hex
    }

    let protocol_name: String
    let init_prologue: Hex
    let init_psks: [Hex]?
    let init_static: Hex?
    let init_ephemeral: Hex
    let init_remote_static: Hex?
    let init_kem_seed: Hex?
    let resp_prologue: Hex
    let resp_psks: [Hex]?
    let resp_static: Hex?
    let resp_ephemeral: Hex?
    let resp_remote_static: Hex?
    let resp_kem_secret: Hex?
    let resp_kem_ciphertext: Hex?
    let handshake_hash: Hex?
    let messages: [Message]

    /// Plays one role against the fixed bytes of the other: every message, the hash, and transport both ways.
    func replay(as role: NoiseRole) throws {
        let (pattern, suite) = try #require(NoiseSuite.read(protocolName: protocol_name), "\(protocol_name)")
        #expect(suite.protocolName(pattern) == protocol_name)
        let slab = try SecretSlab()
        var handshake = try begin(pattern, suite, role, slab)
        for (index, message) in messages.prefix(pattern.messages.count).enumerated() {
            if handshake.isMyTurn {
                var output = ByteBuffer()
                try handshake.writeMessage(payload: message.payload.bytes, into: &output)
                #expect(Array(output.readableBytesView) == message.ciphertext.bytes, "\(protocol_name), \(index)")
            } else {
                let payload = try handshake.readMessage(ByteBuffer(bytes: message.ciphertext.bytes))
                #expect(Array(payload.readableBytesView) == message.payload.bytes, "\(protocol_name), \(index)")
            }
        }
        let (isComplete, hash) = (handshake.isComplete, handshake.handshakeHash)
        #expect(isComplete)
        if let handshake_hash { #expect(hash == handshake_hash.bytes, "\(protocol_name)") }
        var keys = try handshake.split()
        for (index, message) in messages.enumerated().dropFirst(pattern.messages.count) {
            let fromInitiator = pattern.isOneWay || index % 2 == 0
            if fromInitiator == (role == .initiator) {
                var output = ByteBuffer()
                if fromInitiator {
                    keys.initiatorToResponder.seal(message.payload.bytes, into: &output)
                } else {
                    keys.responderToInitiator.seal(message.payload.bytes, into: &output)
                }
                #expect(Array(output.readableBytesView) == message.ciphertext.bytes, "\(protocol_name), \(index)")
            } else {
                let sealed = ByteBuffer(bytes: message.ciphertext.bytes)
                let opened =
                    fromInitiator ? keys.initiatorToResponder.open(sealed) : keys.responderToInitiator.open(sealed)
                #expect(opened == ByteBuffer(bytes: message.payload.bytes), "\(protocol_name), \(index)")
            }
        }
    }

    func begin(
        _ pattern: NoisePattern, _ suite: NoiseSuite, _ role: NoiseRole, _ slab: SecretSlab
    ) throws -> NoiseHandshake {
        let isInitiator = role == .initiator
        let ephemeral = (isInitiator ? init_ephemeral : resp_ephemeral)?.bytes ?? []
        let seed = init_kem_seed?.bytes ?? []
        let secret = resp_kem_secret?.bytes ?? []
        let ciphertext = resp_kem_ciphertext?.bytes ?? []
        let encapsulator = Encapsulator(generate: { try KEMPrivateKey($0, seed: seed) }) { _, _, memory in
            memory.secret.copyBytes(from: secret)
            memory.ciphertext.copyBytes(from: ciphertext)
        }
        return try NoiseHandshake(
            pattern: pattern, suite: suite, role: role, prologue: (isInitiator ? init_prologue : resp_prologue).bytes,
            localStatic: try (isInitiator ? init_static : resp_static).map {
                StaticKey(secret: try GuardedSecret($0.bytes))
            },
            remoteStatic: (isInitiator ? init_remote_static : resp_remote_static)?.bytes,
            psks: try ((isInitiator ? init_psks : resp_psks) ?? []).map { try GuardedSecret($0.bytes) },
            entropy: HandshakeEntropy(encapsulator: encapsulator, fillEphemeral: { $0.copyBytes(from: ephemeral) }),
            slab: slab)
    }
}

/// Bytes that stand as hexadecimal text.
struct Hex: Decodable, Equatable {
    let bytes: [UInt8]

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        bytes = try Hex.bytes(text)
    }

    static func bytes(_ text: String) throws -> [UInt8] {
        let digits = try text.map { try #require($0.hexDigitValue) }
        try #require(digits.count % 2 == 0)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }
}
