import CSodium

/// libsodium's AEADs over raw memory. `output` may be the same memory as `input`; it has 16 bytes more (sealing) or
/// less.
extension Sodium {
    /// Whether this machine has the instructions that libsodium's AES-256-GCM needs.
    static let hasAESGCM: Bool = {
        start()
        return crypto_aead_aes256gcm_is_available() == 1
    }()

    static func sealAESGCM(_ box: SealInput) {
        _ = crypto_aead_aes256gcm_encrypt(
            box.output.bytes, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), nil, box.nonce.bytes, box.key.bytes)
    }

    static func openAESGCM(_ box: SealInput) -> Bool {
        crypto_aead_aes256gcm_decrypt(
            box.output.bytes, nil, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), box.nonce.bytes, box.key.bytes) == 0
    }

    static func sealChaChaPoly(_ box: SealInput) {
        _ = crypto_aead_chacha20poly1305_ietf_encrypt(
            box.output.bytes, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), nil, box.nonce.bytes, box.key.bytes)
    }

    static func openChaChaPoly(_ box: SealInput) -> Bool {
        crypto_aead_chacha20poly1305_ietf_decrypt(
            box.output.bytes, nil, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), box.nonce.bytes, box.key.bytes) == 0
    }

    static func sealXChaChaPoly(_ box: SealInput) {
        _ = crypto_aead_xchacha20poly1305_ietf_encrypt(
            box.output.bytes, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), nil, box.nonce.bytes, box.key.bytes)
    }

    static func openXChaChaPoly(_ box: SealInput) -> Bool {
        crypto_aead_xchacha20poly1305_ietf_decrypt(
            box.output.bytes, nil, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), box.nonce.bytes, box.key.bytes) == 0
    }
}

/// What an AEAD works on; pointers are the caller's and valid for the call only.
struct SealInput {
    var key: UnsafeRawBufferPointer
    var nonce: UnsafeRawBufferPointer
    var associated: UnsafeRawBufferPointer
    var input: UnsafeRawBufferPointer
    var output: UnsafeMutableRawBufferPointer
}
