import CSodium

/// libsodium's AES-256-GCM with a kept key schedule. `output` may be the same memory as `input`.
extension Sodium {
    static let aesGCMScheduleBytes = 512

    /// `schedule` has 512 bytes, aligned to 16.
    static func scheduleAESGCM(_ key: UnsafeRawBufferPointer, into schedule: UnsafeMutableRawBufferPointer) {
        precondition(
            schedule.count == crypto_aead_aes256gcm_statebytes() && key.count == 32, "AES-256-GCM sizes")
        guard let start = schedule.baseAddress else { return }
        // The slab's slots are aligned to 64; libsodium's state is opaque bytes aligned to 16.
        _ = crypto_aead_aes256gcm_beforenm(
            start.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self), key.bytes)
    }

    static func sealScheduledAESGCM(_ schedule: UnsafeRawBufferPointer, _ box: SealInput) {
        _ = crypto_aead_aes256gcm_encrypt_afternm(
            box.output.bytes, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), nil, box.nonce.bytes, state(schedule))
    }

    static func openScheduledAESGCM(_ schedule: UnsafeRawBufferPointer, _ box: SealInput) -> Bool {
        crypto_aead_aes256gcm_decrypt_afternm(
            box.output.bytes, nil, nil, box.input.bytes, UInt64(box.input.count), box.associated.bytes,
            UInt64(box.associated.count), box.nonce.bytes, state(schedule)) == 0
    }

    private static func state(_ schedule: UnsafeRawBufferPointer) -> UnsafePointer<crypto_aead_aes256gcm_state> {
        guard let start = schedule.baseAddress else { preconditionFailure("a schedule has 512 bytes") }
        return start.assumingMemoryBound(to: crypto_aead_aes256gcm_state.self)
    }
}
