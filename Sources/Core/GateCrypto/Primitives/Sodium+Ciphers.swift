import CSodium

/// libsodium's XChaCha20-Poly1305 over raw memory. `output` may be the same memory as `input`; it has 16 bytes more
/// (sealing) or less.
extension Sodium {
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
