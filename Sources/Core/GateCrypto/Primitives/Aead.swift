import CBoring

/// What an AEAD with a 12-byte nonce and a 16-byte tag works on; pointers are the caller's and valid for the call only.
/// `output` may be the same memory as `input`; it has 16 bytes more (sealing) or less.
struct SealInput {
    var key: UnsafeRawBufferPointer
    var nonce: UnsafeRawBufferPointer
    var associated: UnsafeRawBufferPointer
    var input: UnsafeRawBufferPointer
    var output: UnsafeMutableRawBufferPointer
}

/// AES-256-GCM and ChaCha20-Poly1305 over raw memory, in place and without an allocation: BoringSSL's.
///
/// The key schedule is made for each call, on the stack, and wiped after it: 0.1 µs, less than a kept one saves, because
/// the code is the widest that the machine has (`CBoring.h`).
enum Aead {
    static func seal(_ cipher: NoiseCipher, _ box: SealInput) {
        precondition(box.output.count == box.input.count + Int(GATE_AEAD_TAG_BYTES), "a sealed text has a tag more")
        box.checkKeyAndNonce()
        let sealed = gate_aead_seal(
            cipher.aead, box.key.bytes, box.nonce.bytes, box.associated.bytes, box.associated.count, box.input.bytes,
            box.input.count, box.output.bytes)
        precondition(sealed == 1, "32 bytes of key and 12 of nonce seal any text")
    }

    /// `false` where anything was changed; `output` then holds zeros.
    static func open(_ cipher: NoiseCipher, _ box: SealInput) -> Bool {
        precondition(box.input.count == box.output.count + Int(GATE_AEAD_TAG_BYTES), "an opened text has a tag less")
        box.checkKeyAndNonce()
        return gate_aead_open(
            cipher.aead, box.key.bytes, box.nonce.bytes, box.associated.bytes, box.associated.count, box.input.bytes,
            box.output.count, box.output.bytes) == 1
    }
}

extension SealInput {
    fileprivate func checkKeyAndNonce() {
        precondition(key.count == Int(GATE_AEAD_KEY_BYTES), "a cipher key has 32 bytes")
        precondition(nonce.count == Int(GATE_AEAD_NONCE_BYTES), "a nonce has 12 bytes")
    }
}

extension NoiseCipher {
    fileprivate var aead: gate_aead {
        switch self {
        case .aesGCM: GATE_AEAD_AES_256_GCM
        case .chaChaPoly: GATE_AEAD_CHACHA20_POLY1305
        }
    }
}
