import Foundation
import GateCrypto
import NIOCore
import Testing

/// The forms without published vectors (hfs, and psk0 with it) against transcripts of an independent implementation
/// (`Oracle/transcripts.py`).
@Suite struct HybridTranscripts {
    static let vectors: [NoiseVector] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "Oracle/hybrid-transcripts.json")
        let data = try? Data(contentsOf: file)
        return data.flatMap { try? JSONDecoder().decode(NoiseVectorFile.self, from: $0).vectors } ?? []
    }()

    @Test func `every transcript replays in both roles`() throws {
        #expect(HybridTranscripts.vectors.count == 10)
        for vector in HybridTranscripts.vectors {
            try vector.replay(as: .initiator)
            try vector.replay(as: .responder)
        }
    }

    @Test func `an answer with any byte flipped or cut off is refused`() throws {
        let vector = try #require(HybridTranscripts.vectors.first)
        let answer = vector.messages[1].ciphertext.bytes
        for index in answer.indices {
            var changed = answer
            changed[index] ^= 1 << UInt8(index % 8)
            var handshake = try vector.initiatorAwaitingAnswer()
            #expect(throws: NoiseFailure.self, "byte \(index)") {
                try handshake.readMessage(ByteBuffer(bytes: changed))
            }
        }
        for count in stride(from: 0, to: answer.count, by: 7) {
            var handshake = try vector.initiatorAwaitingAnswer()
            #expect(throws: NoiseFailure.self) { try handshake.readMessage(ByteBuffer(bytes: answer.prefix(count))) }
        }
    }

    @Test func `with a shared secret the first message with any byte flipped or cut off is refused`() throws {
        let vector = try #require(HybridTranscripts.vectors.first { $0.protocol_name.contains("NXhfs+psk0") })
        let first = vector.messages[0].ciphertext.bytes
        for index in first.indices {
            var changed = first
            changed[index] ^= 1 << UInt8(index % 8)
            var handshake = try vector.begin(as: .responder)
            #expect(throws: NoiseFailure.self, "byte \(index)") {
                try handshake.readMessage(ByteBuffer(bytes: changed))
            }
        }
        for count in stride(from: 0, to: first.count, by: 7) {
            var handshake = try vector.begin(as: .responder)
            #expect(throws: NoiseFailure.self) { try handshake.readMessage(ByteBuffer(bytes: first.prefix(count))) }
        }
    }
}

extension NoiseVector {
    func begin(as role: NoiseRole) throws -> NoiseHandshake {
        let (pattern, suite) = try #require(NoiseSuite.read(protocolName: protocol_name))
        return try begin(pattern, suite, role, try SecretSlab())
    }

    func initiatorAwaitingAnswer() throws -> NoiseHandshake {
        var handshake = try begin(as: .initiator)
        var output = ByteBuffer()
        try handshake.writeMessage(payload: messages[0].payload.bytes, into: &output)
        return handshake
    }
}
