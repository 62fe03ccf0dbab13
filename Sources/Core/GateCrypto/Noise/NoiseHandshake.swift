package import NIOCore

/// A handshake of the Noise Protocol Framework (revision 34) with the hfs extension: any pattern, either role.
///
///     writes ⇄ reads ── last message ──▶ complete ── finish() or split()
///        └───────── any failure ──────────▶ broken
///
/// Initiators write first, then both in turn. `isMyTurn` says whose turn it is, `isComplete` that no message is left.
/// After a throw the value is broken: every later call throws `outOfTurn`, and the connection must be closed.
/// `remoteStaticKey` and the payload beside it are known as soon as `readMessage` returns, so that a certificate is
/// judged before anything more is written.
///
///     var handshake = try NoiseHandshake(
///         pattern: .mutual, suite: .standard, role: .initiator, prologue: prologue, localStatic: key, slab: slab)
///     try handshake.writeMessage(into: &flight)
///     let payload = try handshake.readMessage(answer)
///     try handshake.writeMessage(payload: certificate, into: &flight)
///     let outcome = handshake.finish()
///
/// Belongs to one event loop, as its slab does. Ephemeral X25519 keys live in the slab; ML-KEM keys in ordinary memory.
package struct NoiseHandshake: ~Copyable {
    /// The most bytes of one message that are written or read: 16 KiB.
    package static let messageBytesMax = 16 << 10
    /// Bytes of a shared secret for `psk` tokens.
    package static let pskByteCount = 32

    package let pattern: NoisePattern
    package let suite: NoiseSuite
    package let role: NoiseRole
    /// The other side's static public key: given, or received by now.
    package private(set) var remoteStaticKey: [UInt8]?
    /// The handshake hash as it was before the payload of the last message: what a signature in that payload is of. Empty
    /// before the first.
    package private(set) var payloadHash: [UInt8] = []

    private var symmetric: NoiseSymmetricState
    private let localStatic: StaticKey?
    private let psks: [GuardedSecret]
    private let entropy: HandshakeEntropy
    private let slab: SecretSlab
    private var pskIndex = 0
    private var messageIndex = 0
    private var isBroken = false
    private var localEphemeral: Secret
    private var remoteEphemeral: [UInt8] = []
    private var localKEMKey: KEMPrivateKey?
    private var remoteKEMKey: [UInt8] = []

    /// Begins a handshake. Keys and shared secrets must be those that pattern and role demand: `localStatic` where this
    /// side sends `s` or is known before, `remoteStatic` where the other is known before, a 32-byte secret for each
    /// `psk`.
    package init(
        pattern: NoisePattern, suite: NoiseSuite, role: NoiseRole, prologue: [UInt8], localStatic: StaticKey? = nil,
        remoteStatic: [UInt8]? = nil, psks: [GuardedSecret] = [], entropy: HandshakeEntropy = .system, slab: SecretSlab
    ) throws(NoiseFailure) {
        precondition(pattern.usesKEM == (suite.kem != nil), "a suite has a KEM exactly where the pattern has hfs")
        precondition(
            psks.count == pattern.pskCount && psks.allSatisfy { $0.count == NoiseHandshake.pskByteCount },
            "each psk token has a secret of 32 bytes")
        precondition(remoteStatic.map { $0.count == X25519.byteCount } ?? true, "an X25519 key has 32 bytes")
        let symmetric = try withMemoryFailure { () throws(SecretMemoryFailure) in
            try NoiseSymmetricState(protocolName: suite.protocolName(pattern), suite: suite, slab: slab)
        }
        let ephemeral = try withMemoryFailure { () throws(SecretMemoryFailure) in
            try Secret(count: X25519.byteCount, in: slab) { _ in }
        }
        self.symmetric = symmetric
        self.localEphemeral = ephemeral
        self.pattern = pattern
        self.suite = suite
        self.role = role
        self.localStatic = localStatic
        self.remoteStaticKey = remoteStatic
        self.psks = psks
        self.entropy = entropy
        self.slab = slab
        prologue.withUnsafeBytes { self.symmetric.mixHash($0) }
        let local = localStatic?.publicKey
        let initiator = role == .initiator ? local : remoteStatic
        let responder = role == .initiator ? remoteStatic : local
        if pattern.initiatorKnown { mixKnownKey(initiator) }
        if pattern.responderKnown { mixKnownKey(responder) }
    }

    /// Whether every message was written and read.
    package var isComplete: Bool { !isBroken && messageIndex == pattern.messages.count }

    /// Whether the next message is this side's to write.
    package var isMyTurn: Bool {
        !isBroken && !isComplete && (messageIndex % 2 == 0) == (role == .initiator)
    }

    /// Binds everything said so far; final once complete. 32 or 64 bytes, by the hash.
    package var handshakeHash: [UInt8] { symmetric.handshakeHash }

    /// Appends this side's next message with a payload.
    package mutating func writeMessage(payload: [UInt8] = [], into output: inout ByteBuffer) throws(NoiseFailure) {
        try writeMessage(into: &output) { _ in payload }
    }

    /// Appends this side's next message with a payload that is made once all before it is bound: `payload` gets
    /// ``payloadHash``.
    package mutating func writeMessage(
        into output: inout ByteBuffer, payload: (_ hash: [UInt8]) -> [UInt8]
    ) throws(NoiseFailure) {
        let start = output.writerIndex
        do throws(NoiseFailure) {
            try beginMessage(isMine: true)
            for token in pattern.messages[messageIndex] { try write(token, into: &output) }
            payloadHash = symmetric.handshakeHash
            let payload = payload(payloadHash)
            let written = output.writerIndex - start
            let length = written + payload.count + symmetric.overheadByteCount
            guard length <= NoiseHandshake.messageBytesMax else { throw NoiseFailure.oversized }
            payload.withUnsafeBytes { symmetric.encryptAndHash($0, into: &output) }
            endMessage()
        } catch {
            output.moveWriterIndex(to: start)
            throw error
        }
    }

    /// Appends this side's next message with a payload.
    package mutating func writeMessage(payload: ByteBuffer, into output: inout ByteBuffer) throws(NoiseFailure) {
        try writeMessage(payload: Array(payload.readableBytesView), into: &output)
    }

    /// Takes the other side's next message, whole and alone in the buffer, and gives its payload.
    package mutating func readMessage(_ message: ByteBuffer) throws(NoiseFailure) -> ByteBuffer {
        guard message.readableBytes <= NoiseHandshake.messageBytesMax else {
            isBroken = true
            throw .oversized
        }
        try beginMessage(isMine: false)
        var rest = message
        for token in pattern.messages[messageIndex] { try read(token, from: &rest) }
        guard rest.readableBytes >= symmetric.overheadByteCount else { throw .truncated }
        payloadHash = symmetric.handshakeHash
        let payload = try decrypt(rest)
        endMessage()
        return ByteBuffer(bytes: payload)
    }

    /// Ends a complete handshake for a session: chaining key, hash and the other's static key.
    package consuming func finish() -> NoiseOutcome {
        precondition(isComplete, "a handshake is finished once complete")
        let hash = symmetric.handshakeHash
        return NoiseOutcome(
            chainingKey: symmetric.intoChainingKey(), handshakeHash: hash, remoteStaticKey: remoteStaticKey, role: role,
            suite: suite)
    }

    /// Ends a complete handshake with Noise's own transport keys.
    package consuming func split() throws(NoiseFailure) -> NoiseTransportPair {
        precondition(isComplete, "a handshake is split once complete")
        let slab = slab
        do { return try symmetric.split(in: slab) } catch { throw .memory(error) }
    }

    // MARK: Messages

    /// Whatever throws between this and `endMessage` leaves the handshake broken.
    private mutating func beginMessage(isMine: Bool) throws(NoiseFailure) {
        let isAllowed = !isBroken && !isComplete && isMyTurn == isMine
        isBroken = true
        guard isAllowed else { throw .outOfTurn }
    }

    private mutating func endMessage() {
        isBroken = false
        messageIndex += 1
        guard messageIndex == pattern.messages.count else { return }
        // Not needed any more: gone before the handshake's value is.
        localEphemeral.withUnsafeMutableBytes { Sodium.wipe($0) }
        localKEMKey = nil
    }

    private mutating func write(_ token: NoiseToken, into output: inout ByteBuffer) throws(NoiseFailure) {
        switch token {
        case .e:
            let publicKey = makeEphemeral()
            output.writeBytes(publicKey)
            mixEphemeral(publicKey)
        case .s:
            guard let key = localStatic else { preconditionFailure("a pattern with s has a static key") }
            key.publicKey.withUnsafeBytes { symmetric.encryptAndHash($0, into: &output) }
        case .e1:
            try writeKEMKey(into: &output)
        case .ekem1:
            try writeEncapsulation(into: &output)
        case .psk:
            mixSharedSecret()
        case .ee, .es, .se, .ss:
            try mixAgreement(token)
        }
    }

    private mutating func read(_ token: NoiseToken, from message: inout ByteBuffer) throws(NoiseFailure) {
        switch token {
        case .e:
            remoteEphemeral = try take(X25519.byteCount, from: &message)
            mixEphemeral(remoteEphemeral)
        case .s:
            remoteStaticKey = try takeSealed(X25519.byteCount, from: &message)
        case .e1:
            guard let kem = suite.kem else { preconditionFailure("a pattern with e1 has a KEM") }
            remoteKEMKey = try takeSealed(kem.publicKeyByteCount, from: &message)
        case .ekem1:
            try readEncapsulation(from: &message)
        case .psk:
            mixSharedSecret()
        case .ee, .es, .se, .ss:
            try mixAgreement(token)
        }
    }

    // MARK: First phase

    private mutating func makeEphemeral() -> [UInt8] {
        let entropy = entropy
        return localEphemeral.withUnsafeMutableBytes { secret in
            entropy.fillEphemeral(secret)
            return [UInt8](unsafeUninitializedCapacity: X25519.byteCount) { buffer, count in
                let output = UnsafeMutableRawBufferPointer(start: buffer.baseAddress, count: X25519.byteCount)
                X25519.publicKey(of: UnsafeRawBufferPointer(secret), into: output)
                count = X25519.byteCount
            }
        }
    }

    /// With shared secrets, `e` is a key as well (section 9.2).
    private mutating func mixEphemeral(_ publicKey: [UInt8]) {
        let usesPSK = pattern.usesPSK
        publicKey.withUnsafeBytes {
            symmetric.mixHash($0)
            if usesPSK { symmetric.mixKey($0) }
        }
    }

    private mutating func mixAgreement(_ token: NoiseToken) throws(NoiseFailure) {
        let localIsStatic = token == .ss || token == (role == .initiator ? .se : .es)
        let remoteIsStatic = token == .ss || token == (role == .initiator ? .es : .se)
        guard let remote = remoteIsStatic ? remoteStaticKey : remoteEphemeral else {
            preconditionFailure("a pattern agrees with keys that are known")
        }
        let isAgreed = withUnsafeTemporaryAllocation(byteCount: X25519.byteCount, alignment: 16) { shared in
            defer { Sodium.wipe(shared) }
            let isAgreed = remote.withUnsafeBytes { remote in
                if !localIsStatic { return localEphemeral.withUnsafeBytes { X25519.agree($0, remote, into: shared) } }
                guard let key = localStatic else { preconditionFailure("a pattern agrees with keys that are known") }
                return key.agree(remote, into: shared)
            }
            if isAgreed { symmetric.mixKey(UnsafeRawBufferPointer(shared)) }
            return isAgreed
        }
        guard isAgreed else { throw .badKey }
    }

    private mutating func mixKnownKey(_ publicKey: [UInt8]?) {
        guard let publicKey else { preconditionFailure("a key that is known before is given") }
        publicKey.withUnsafeBytes { symmetric.mixHash($0) }
    }

    private mutating func mixSharedSecret() {
        psks[pskIndex].withUnsafeBytes { symmetric.mixKeyAndHash($0) }
        pskIndex += 1
    }

    // MARK: Second phase

    private mutating func writeKEMKey(into output: inout ByteBuffer) throws(NoiseFailure) {
        guard let kem = suite.kem else { preconditionFailure("a pattern with e1 has a KEM") }
        guard let key = try? entropy.encapsulator.generate(kem) else { throw .badKey }
        withUnsafeTemporaryAllocation(byteCount: kem.publicKeyByteCount, alignment: 16) { publicKey in
            key.writePublicKey(into: publicKey)
            symmetric.encryptAndHash(UnsafeRawBufferPointer(publicKey), into: &output)
        }
        localKEMKey = key
    }

    private mutating func writeEncapsulation(into output: inout ByteBuffer) throws(NoiseFailure) {
        guard let kem = suite.kem else { preconditionFailure("a pattern with ekem1 has a KEM") }
        let secretCount = NoiseKEM.sharedSecretByteCount
        let encapsulate = entropy.encapsulator.encapsulate
        let isDone = withUnsafeTemporaryAllocation(byteCount: secretCount + kem.ciphertextByteCount, alignment: 16) {
            let secret = UnsafeMutableRawBufferPointer(rebasing: $0[..<secretCount])
            let ciphertext = UnsafeMutableRawBufferPointer(rebasing: $0[secretCount...])
            defer { Sodium.wipe(secret) }
            let memory = Encapsulator.EncapsulationMemory(ciphertext: ciphertext, secret: secret)
            let isDone = remoteKEMKey.withUnsafeBytes { key in (try? encapsulate(kem, key, memory)) != nil }
            guard isDone else { return false }
            symmetric.encryptAndHash(UnsafeRawBufferPointer(ciphertext), into: &output)
            symmetric.mixKey(UnsafeRawBufferPointer(secret))
            return true
        }
        guard isDone else { throw .badKey }
    }

    private mutating func readEncapsulation(from message: inout ByteBuffer) throws(NoiseFailure) {
        guard let kem = suite.kem, let key = localKEMKey else { preconditionFailure("ekem1 answers an e1") }
        let ciphertext = try takeSealed(kem.ciphertextByteCount, from: &message)
        let isDone = withUnsafeTemporaryAllocation(byteCount: NoiseKEM.sharedSecretByteCount, alignment: 16) { secret in
            defer { Sodium.wipe(secret) }
            let isDone = ciphertext.withUnsafeBytes { (try? key.decapsulate($0, into: secret)) != nil }
            if isDone { symmetric.mixKey(UnsafeRawBufferPointer(secret)) }
            return isDone
        }
        guard isDone else { throw .badKey }
        localKEMKey = nil
    }

    // MARK: Bytes

    private func take(_ count: Int, from message: inout ByteBuffer) throws(NoiseFailure) -> [UInt8] {
        guard let bytes = message.readBytes(length: count) else { throw .truncated }
        return bytes
    }

    private mutating func takeSealed(_ count: Int, from message: inout ByteBuffer) throws(NoiseFailure) -> [UInt8] {
        guard let sealed = message.readSlice(length: count + symmetric.overheadByteCount) else { throw .truncated }
        return try decrypt(sealed)
    }

    private mutating func decrypt(_ sealed: ByteBuffer) throws(NoiseFailure) -> [UInt8] {
        let count = sealed.readableBytes - symmetric.overheadByteCount
        var isOpen = false
        let opened = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            let output = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
            isOpen = sealed.withUnsafeReadableBytes { symmetric.decryptAndHash($0, into: output) }
            initialized = isOpen ? count : 0
        }
        guard isOpen else { throw .notAuthentic }
        return opened
    }
}

func withMemoryFailure<Result: ~Copyable>(
    _ body: () throws(SecretMemoryFailure) -> Result
) throws(NoiseFailure) -> Result {
    do { return try body() } catch { throw .memory(error) }
}
