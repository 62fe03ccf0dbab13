import CSodium

/// One direction's AEAD of one circuit layer, in place and without an allocation: AES-256-GCM with its key schedule kept
/// in protected memory, or ChaCha20-Poly1305, as the hop handshake's suite says.
///
/// Nonce = four zero bytes ‖ counter (64 bits; big-endian for AES-GCM, little-endian for ChaCha20-Poly1305), as in Noise.
/// Tag of 16 bytes behind the ciphertext. No associated data.
/// Where libsodium has no AES-GCM (no such instructions) swift-crypto serves, slower and with allocations.
package struct CellCipher: ~Copyable {
    /// Bytes of the tag.
    package static let tagByteCount = 16
    /// Bytes of the key.
    package static let keyByteCount = 32

    private enum Way { case schedule, chaChaPoly, portable }
    private let way: Way
    // The key, or libsodium's key schedule made from it.
    private let memory: Secret

    /// Prepares `key` (32 bytes); it is not needed any more afterwards.
    package init(
        key: borrowing Secret, cipher: NoiseCipher, in slab: SecretSlab, preferPortable: Bool = false
    ) throws(SecretMemoryFailure) {
        precondition(key.count == CellCipher.keyByteCount, "a cell key has 32 bytes")
        switch cipher {
        case .chaChaPoly: way = .chaChaPoly
        case .aesGCM: way = Sodium.hasAESGCM && !preferPortable ? .schedule : .portable
        }
        guard way == .schedule else {
            memory = try key.copy()
            return
        }
        let byteCount = crypto_aead_aes256gcm_statebytes()
        memory = try key.withUnsafeBytes { key throws(SecretMemoryFailure) in
            try Secret(count: byteCount, in: slab) { slot in
                // Slots are aligned to 64 bytes and this one has the size of libsodium's opaque state.
                guard let state = slot.baseAddress?.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self) else {
                    return
                }
                _ = crypto_aead_aes256gcm_beforenm(state, key.bytes)
            }
        }
    }

    /// Seals all but the last 16 bytes of `bytes` in place and writes the tag there.
    package borrowing func seal(_ bytes: UnsafeMutableRawBufferPointer, counter: UInt64) {
        let length = bytes.count - CellCipher.tagByteCount
        precondition(length >= 0, "a sealed piece has room for its tag")
        let message = bytes.bytes
        memory.withUnsafeBytes { key in
            withNonce(counter) { nonce in
                switch way {
                case .schedule:
                    _ = crypto_aead_aes256gcm_encrypt_detached_afternm(
                        message, message + length, nil, message, UInt64(length), nil, 0, nil, nonce,
                        key.bytes.asSchedule)
                case .chaChaPoly:
                    _ = crypto_aead_chacha20poly1305_ietf_encrypt_detached(
                        message, message + length, nil, message, UInt64(length), nil, 0, nil, nonce, key.bytes)
                case .portable:
                    let input = UnsafeRawBufferPointer(rebasing: bytes[..<length])
                    PortableAESGCM.seal(portableInput(key, nonce, input, bytes))
                }
            }
        }
    }

    /// Opens `sealed` (ciphertext, then tag) into `target`, which may be the same memory and has 16 bytes less.
    /// `false` where the tag is wrong; `target` then holds nothing of use.
    package borrowing func open(
        _ sealed: UnsafeRawBufferPointer, into target: UnsafeMutableRawPointer, counter: UInt64
    ) -> Bool {
        let length = sealed.count - CellCipher.tagByteCount
        guard length >= 0 else { return false }
        let input = sealed.bytes
        let output = target.assumingMemoryBound(to: UInt8.self)
        return memory.withUnsafeBytes { key in
            withNonce(counter) { nonce in
                switch way {
                case .schedule:
                    crypto_aead_aes256gcm_decrypt_detached_afternm(
                        output, nil, input, UInt64(length), input + length, nil, 0, nonce, key.bytes.asSchedule) == 0
                case .chaChaPoly:
                    crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                        output, nil, input, UInt64(length), input + length, nil, 0, nonce, key.bytes) == 0
                case .portable:
                    PortableAESGCM.open(
                        portableInput(key, nonce, sealed, UnsafeMutableRawBufferPointer(start: target, count: length)))
                }
            }
        }
    }

    private borrowing func withNonce<Result>(_ counter: UInt64, _ body: (UnsafePointer<UInt8>) -> Result) -> Result {
        let counter = way == .chaChaPoly ? counter.littleEndian : counter.bigEndian
        // Four bytes that are not used, then twelve of nonce.
        var words: (UInt64, UInt64) = (0, counter)
        return withUnsafeBytes(of: &words) { body(UnsafeRawBufferPointer(rebasing: $0[4...]).bytes) }
    }

    private borrowing func portableInput(
        _ key: UnsafeRawBufferPointer, _ nonce: UnsafePointer<UInt8>, _ input: UnsafeRawBufferPointer,
        _ output: UnsafeMutableRawBufferPointer
    ) -> SealInput {
        SealInput(
            key: key, nonce: UnsafeRawBufferPointer(start: nonce, count: 12),
            associated: UnsafeRawBufferPointer(start: nil, count: 0), input: input, output: output)
    }
}

extension UnsafePointer<UInt8> {
    /// The slot as the key schedule that `beforenm` wrote into it.
    fileprivate var asSchedule: UnsafePointer<crypto_aead_aes256gcm_state> {
        UnsafeRawPointer(self).assumingMemoryBound(to: crypto_aead_aes256gcm_state.self)
    }
}
