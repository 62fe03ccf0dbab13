package import NIOCore

/// One direction's key after a handshake that is used as Noise itself defines (the published vectors).
///
/// Sessions do not use it: their keys come from `NoiseOutcome`.
package struct TransportKeys: ~Copyable {
    private let cipher: NoiseCipher
    private let key: Secret
    private var counter: UInt64 = 0

    init(cipher: NoiseCipher, key: consuming Secret) {
        self.cipher = cipher
        self.key = key
    }

    /// Appends the sealed message.
    package mutating func seal(_ plaintext: [UInt8], into output: inout ByteBuffer) {
        let count = plaintext.count + NoiseCipher.tagByteCount
        let counter = counter
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            let written = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
            plaintext.withUnsafeBytes { plaintext in
                key.withUnsafeBytes {
                    cipher.seal(plaintext, key: $0, counter: counter, associated: noBytes, into: written)
                }
            }
            return count
        }
        self.counter += 1
    }

    /// Opens the next message; `nil`, and no step forward, where it is not that message unchanged.
    package mutating func open(_ message: ByteBuffer) -> ByteBuffer? {
        let count = message.readableBytes - NoiseCipher.tagByteCount
        guard count >= 0 else { return nil }
        let counter = counter
        var opened = ByteBuffer()
        let isOpen = message.withUnsafeReadableBytes { sealed in
            var isOpen = false
            opened.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
                let output = UnsafeMutableRawBufferPointer(rebasing: memory[..<count])
                isOpen = key.withUnsafeBytes {
                    cipher.open(sealed, key: $0, counter: counter, associated: noBytes, into: output)
                }
                return isOpen ? count : 0
            }
            return isOpen
        }
        guard isOpen else { return nil }
        self.counter += 1
        return opened
    }
}

/// Both directions' keys.
package struct NoiseTransportPair: ~Copyable {
    package var initiatorToResponder: TransportKeys
    package var responderToInitiator: TransportKeys
}

/// What a finished handshake leaves: the secret that sessions derive from and what both sides agreed on.
package struct NoiseOutcome: ~Copyable {
    /// The final chaining key: 32 or 64 bytes, by the hash. root₀ is derived from it with `handshakeHash`.
    package let chainingKey: Secret
    /// Binds everything both sides said; not secret. 32 or 64 bytes, by the hash.
    package let handshakeHash: [UInt8]
    /// The other side's static public key; `nil` where the pattern sends none.
    package let remoteStaticKey: [UInt8]?
    package let role: NoiseRole
    package let suite: NoiseSuite
}

/// Who spoke first.
package enum NoiseRole: UInt8, Sendable {
    case initiator = 1
    case responder = 2
}
