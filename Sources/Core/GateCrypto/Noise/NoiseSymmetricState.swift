import NIOCore

/// Chaining key, cipher key and handshake hash of a running handshake (Noise revision 34, section 5.2).
struct NoiseSymmetricState: ~Copyable {
    private let suite: NoiseSuite
    private var chainingKey: Secret
    private var cipherKey: Secret
    private var hasCipherKey = false
    private var counter: UInt64 = 0
    private(set) var handshakeHash: [UInt8]

    init(protocolName: String, suite: NoiseSuite, slab: SecretSlab) throws(SecretMemoryFailure) {
        let hash = suite.hash
        let name = Array(protocolName.utf8)
        var digest = [UInt8](repeating: 0, count: hash.byteCount)
        if name.count <= hash.byteCount {
            digest.replaceSubrange(0..<name.count, with: name)
        } else {
            name.withUnsafeBytes { name in digest.withUnsafeMutableBytes { hash.hash(name, into: $0) } }
        }
        let chainingKey = try Secret(count: digest.count, in: slab) { $0.copyBytes(from: digest) }
        let cipherKey = try Secret(count: NoiseCipher.keyByteCount, in: slab) { _ in }
        self.suite = suite
        self.handshakeHash = digest
        self.chainingKey = chainingKey
        self.cipherKey = cipherKey
    }

    /// Bytes that sealing adds now: none before the first key.
    var overheadByteCount: Int { hasCipherKey ? NoiseCipher.tagByteCount : 0 }

    mutating func mixHash(_ data: UnsafeRawBufferPointer) {
        let hash = suite.hash
        handshakeHash.withUnsafeMutableBytes { hash.hash(UnsafeRawBufferPointer($0), data, into: $0) }
    }

    mutating func mixKey(_ input: UnsafeRawBufferPointer) {
        mix(input, outputs: 2)
    }

    mutating func mixKeyAndHash(_ input: UnsafeRawBufferPointer) {
        mix(input, outputs: 3)
    }

    /// Appends the plaintext, sealed once there is a key, and mixes what was appended.
    mutating func encryptAndHash(_ plaintext: UnsafeRawBufferPointer, into output: inout ByteBuffer) {
        let count = plaintext.count + overheadByteCount
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            let written = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
            if hasCipherKey {
                let counter = counter
                handshakeHash.withUnsafeBytes { hash in
                    cipherKey.withUnsafeBytes { key in
                        suite.cipher.seal(plaintext, key: key, counter: counter, associated: hash, into: written)
                    }
                }
                self.counter += 1
            } else {
                written.copyMemory(from: plaintext)
            }
            mixHash(UnsafeRawBufferPointer(written))
            return count
        }
    }

    /// Opens what `encryptAndHash` wrote into `output`, which has that many bytes less as the tag; `false` if changed.
    mutating func decryptAndHash(_ sealed: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> Bool {
        if hasCipherKey {
            let counter = counter
            let isOpen = handshakeHash.withUnsafeBytes { hash in
                cipherKey.withUnsafeBytes { key in
                    suite.cipher.open(sealed, key: key, counter: counter, associated: hash, into: output)
                }
            }
            guard isOpen else { return false }
            self.counter += 1
        } else {
            output.copyMemory(from: sealed)
        }
        mixHash(sealed)
        return true
    }

    /// The two transport keys; the chaining key ends here.
    consuming func split(in slab: SecretSlab) throws(SecretMemoryFailure) -> NoiseTransportPair {
        mix(noBytes, outputs: 2)
        let cipher = suite.cipher
        let first = try chainingKey.withUnsafeBytes { bytes throws(SecretMemoryFailure) in
            try Secret(copying: UnsafeRawBufferPointer(rebasing: bytes[..<NoiseCipher.keyByteCount]), in: slab)
        }
        return NoiseTransportPair(
            initiatorToResponder: TransportKeys(cipher: cipher, key: first),
            responderToInitiator: TransportKeys(cipher: cipher, key: cipherKey))
    }

    /// The chaining key as it stands.
    consuming func intoChainingKey() -> Secret { chainingKey }

    /// HKDF (section 4.3): the first output becomes the chaining key, the last the cipher key, a middle one is mixed.
    private mutating func mix(_ input: UnsafeRawBufferPointer, outputs: UInt8) {
        let hash = suite.hash
        let length = hash.byteCount
        withUnsafeTemporaryAllocation(byteCount: 2 * length + 1, alignment: 16) { memory in
            defer { Sodium.wipe(memory) }
            let root = UnsafeMutableRawBufferPointer(rebasing: memory[..<length])
            let output = UnsafeMutableRawBufferPointer(rebasing: memory[length..<2 * length])
            chainingKey.withUnsafeBytes { hash.authenticate(key: $0, input, into: root) }
            for index in 1...outputs {
                memory[2 * length] = index
                let text = UnsafeRawBufferPointer(rebasing: memory[(index == 1 ? 2 * length : length)...])
                hash.authenticate(key: UnsafeRawBufferPointer(root), text, into: output)
                if index == 1 {
                    chainingKey.withUnsafeMutableBytes { $0.copyMemory(from: UnsafeRawBufferPointer(output)) }
                }
                if index == 2, outputs == 3 { mixHash(UnsafeRawBufferPointer(output)) }
            }
            let key = UnsafeRawBufferPointer(rebasing: output[..<NoiseCipher.keyByteCount])
            cipherKey.withUnsafeMutableBytes { $0.copyMemory(from: key) }
        }
        hasCipherKey = true
        counter = 0
    }
}
