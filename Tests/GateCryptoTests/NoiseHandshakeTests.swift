import GateCrypto
import NIOCore
import Testing

@Suite struct NoiseHandshakes {
    static let suites = NoiseKEM.allCases.flatMap { kem in
        NoiseCipher.allCases.flatMap { cipher in
            NoiseHash.allCases.map { NoiseSuite(kem: kem, cipher: cipher, hash: $0) }
        }
    }

    @Test(arguments: suites) func `both sides agree in every suite and pattern`(suite: NoiseSuite) throws {
        for pattern in [NoisePattern.mutual, .anonymous, .mutualShared, .anonymousShared] {
            let psk = pattern.usesPSK ? ([UInt8](repeating: 7, count: 32), [UInt8](repeating: 7, count: 32)) : nil
            var pair = try HandshakePair(pattern, suite: suite, psks: psk, slab: try SecretSlab())
            for index in pattern.messages.indices { #expect(try pair.pass("payload \(index)") == "payload \(index)") }
            let (isInitiatorDone, isResponderDone) = (pair.initiator.isComplete, pair.responder.isComplete)
            #expect(isInitiatorDone && isResponderDone)
            let (left, right) = try pair.finish()
            #expect(left == right)
            #expect(left.count == 2 * suite.hash.byteCount)
        }
    }

    @Test func `each side learns the other's static key before it writes on`() throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        _ = try pair.pass()
        #expect(pair.initiator.remoteStaticKey == nil)
        _ = try pair.pass("certificate")
        let (isMyTurn, key) = (pair.initiator.isMyTurn, pair.initiator.remoteStaticKey)
        #expect(isMyTurn && key?.count == 32)
        _ = try pair.pass("certificate")
        let other = pair.responder.remoteStaticKey
        #expect(other?.count == 32 && other != key)
    }

    @Test func `another prologue fails the handshake`() throws {
        var pair = try HandshakePair(prologues: ("peer", "hop"), slab: try SecretSlab())
        _ = try pair.pass()
        #expect(throws: NoiseFailure.notAuthentic) { try pair.pass() }
    }

    @Test func `another shared secret is refused at the first message`() throws {
        let psks = ([UInt8](repeating: 1, count: 32), [UInt8](repeating: 2, count: 32))
        var pair = try HandshakePair(.mutualShared, psks: psks, slab: try SecretSlab())
        #expect(throws: NoiseFailure.notAuthentic) { try pair.pass() }
    }

    @Test func `a side's own message comes back and is refused`() throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        var first = ByteBuffer()
        try pair.initiator.writeMessage(into: &first)
        #expect(throws: NoiseFailure.self) { try pair.initiator.readMessage(first) }
    }

    @Test func `an answer of another run is refused`() throws {
        let slab = try SecretSlab()
        var old = try HandshakePair(slab: slab)
        _ = try old.pass()
        var answer = ByteBuffer()
        try old.responder.writeMessage(into: &answer)
        var pair = try HandshakePair(slab: slab)
        _ = try pair.pass()
        #expect(throws: NoiseFailure.notAuthentic) { try pair.initiator.readMessage(answer) }
    }

    @Test func `after a failure nothing is written or read any more`() throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        _ = try pair.pass()
        #expect(throws: NoiseFailure.truncated) { try pair.initiator.readMessage(ByteBuffer(bytes: [1, 2, 3])) }
        var output = ByteBuffer()
        #expect(throws: NoiseFailure.outOfTurn) { try pair.initiator.writeMessage(into: &output) }
        #expect(throws: NoiseFailure.outOfTurn) { try pair.initiator.readMessage(ByteBuffer()) }
        let isUsable = pair.initiator.isMyTurn || pair.initiator.isComplete
        #expect(!isUsable && output.readableBytes == 0)
    }

    @Test func `writing out of turn is refused and leaves nothing behind`() throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        var output = ByteBuffer(string: "before")
        #expect(throws: NoiseFailure.outOfTurn) { try pair.responder.writeMessage(into: &output) }
        #expect(output == ByteBuffer(string: "before"))
    }

    @Test func `a message beyond 16 KiB is neither written nor read`() throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        var output = ByteBuffer()
        #expect(throws: NoiseFailure.oversized) {
            try pair.initiator.writeMessage(payload: [UInt8](repeating: 0, count: 16 << 10), into: &output)
        }
        #expect(output.readableBytes == 0)
        #expect(throws: NoiseFailure.oversized) {
            try pair.responder.readMessage(ByteBuffer(repeating: 0, count: 16 << 10 + 1))
        }
    }

    @Test(arguments: SmallOrder.points) func `an X25519 key of small order is refused`(point: String) throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        var message = ByteBuffer()
        try pair.initiator.writeMessage(into: &message)
        message.setBytes(try Hex.bytes(point), at: 0)
        _ = try pair.responder.readMessage(message)
        var answer = ByteBuffer()
        #expect(throws: NoiseFailure.badKey) { try pair.responder.writeMessage(into: &answer) }
        #expect(answer.readableBytes == 0)
    }

    @Test func `an ML-KEM key with a coefficient beyond the modulus is refused`() throws {
        var pair = try HandshakePair(slab: try SecretSlab())
        var message = ByteBuffer()
        try pair.initiator.writeMessage(into: &message)
        message.setBytes([0xff, 0xff, 0xff], at: 32)
        _ = try pair.responder.readMessage(message)
        var answer = ByteBuffer()
        #expect(throws: NoiseFailure.badKey) { try pair.responder.writeMessage(into: &answer) }
    }

    @Test func `names read back as the patterns and suites that they name`() {
        #expect(NoisePattern.mutual.messages == [[.e, .e1], [.e, .ee, .ekem1, .s, .es], [.s, .se]])
        #expect(NoisePattern.anonymous.messages == [[.e, .e1], [.e, .ee, .ekem1, .s, .es]])
        #expect(NoisePattern.mutualShared.messages[0] == [.psk, .e, .e1])
        #expect(NoisePattern(name: "IKhfs")?.messages == [[.e, .es, .e1, .s, .ss], [.e, .ee, .ekem1, .se]])
        #expect(NoiseSuite.standard.protocolName(.mutual) == "Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256")
        for wrong in [
            "Noise_XX_25519+MLKEM768_AESGCM_SHA256", "Noise_XXhfs_25519_AESGCM_SHA256", "Noise_QQ_25519_AESGCM_SHA256",
        ] {
            #expect(NoiseSuite.read(protocolName: wrong) == nil)
        }
        for wrong in ["", "XXpsk9", "XXhfs+foo", "Nhfs", "XXpsk-1"] { #expect(NoisePattern(name: wrong) == nil) }
    }
}

extension HandshakePair {
    /// Chaining key and hash of both sides.
    consuming func finish() throws -> ([UInt8], [UInt8]) {
        let left = initiator.finish()
        let right = responder.finish()
        return (
            left.chainingKey.withUnsafeBytes { Array($0) } + left.handshakeHash,
            right.chainingKey.withUnsafeBytes { Array($0) } + right.handshakeHash
        )
    }
}

/// Encodings of the points whose order divides eight.
enum SmallOrder {
    static let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ]
}
