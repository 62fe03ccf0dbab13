import Crypto

/// Seals and opens whole records under one key: AES-256-GCM or ChaCha20-Poly1305.
///
/// The nonce is a counter that the caller never uses twice for a key; bytes on the wire are those of Noise: four zero
/// bytes, then the counter, big-endian for AES-GCM, little-endian for ChaCha20-Poly1305. Two libraries give the same
/// bytes, and the cheaper one serves: libsodium in place, with the key schedule kept, up to
/// ``inPlaceBytesMax``; above that swift-crypto, which uses the wide instructions of newer machines and wins although
/// it rebuilds the schedule and returns fresh memory. The key and its schedule live in the slab; swift-crypto's copy
/// lives for one call and is wiped by it.
package struct RecordCipher: ~Copyable {
    /// The authentication tag that follows every ciphertext.
    package static let tagBytes = 16
    /// Up to this many bytes a record is cheaper in place than with swift-crypto's wider code (measured).
    package static let inPlaceBytesMax = 3072

    private let cipher: NoiseCipher
    private let key: Secret
    private let schedule: Secret?

    /// Takes over a key of 32 bytes; the schedule takes 512 bytes more of the slab where libsodium has AES-GCM.
    package init(_ cipher: NoiseCipher, key: consuming Secret, in slab: SecretSlab) throws(SecretMemoryFailure) {
        precondition(key.count == 32, "a record key has 32 bytes")
        self.cipher = cipher
        if cipher == .aesGCM, Sodium.hasAESGCM {
            schedule = try Secret(count: Sodium.aesGCMScheduleBytes, in: slab) { state in
                key.withUnsafeBytes { Sodium.scheduleAESGCM($0, into: state) }
            }
        } else {
            schedule = nil
        }
        self.key = key
    }

    /// Seals in place: `record` is the plaintext followed by room for the tag.
    package borrowing func seal(
        _ record: UnsafeMutableRawBufferPointer, counter: UInt64, associated: UnsafeRawBufferPointer
    ) {
        let plaintext = UnsafeRawBufferPointer(rebasing: record[..<(record.count - RecordCipher.tagBytes)])
        withNonce(counter) { nonce in
            let box = SealInput(
                key: noBytes, nonce: nonce, associated: associated, input: plaintext, output: record)
            if cipher == .chaChaPoly, plaintext.count <= RecordCipher.inPlaceBytesMax {
                key.withUnsafeBytes { box.with(key: $0, Sodium.sealChaChaPoly) }
            } else if plaintext.count <= RecordCipher.inPlaceBytesMax, schedule != nil {
                withSchedule { Sodium.sealScheduledAESGCM($0, box) }
            } else {
                key.withUnsafeBytes { box.with(key: $0) { WideCipher.seal(cipher, $0) } }
            }
        }
    }

    /// Opens `ciphertext` (with its tag) into `plaintext`, 16 bytes shorter; `false` where the tag is wrong, and then
    /// `plaintext` holds nothing of it.
    package borrowing func open(
        _ ciphertext: UnsafeRawBufferPointer, counter: UInt64, associated: UnsafeRawBufferPointer,
        into plaintext: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard ciphertext.count == plaintext.count + RecordCipher.tagBytes else { return false }
        return withNonce(counter) { nonce in
            let box = SealInput(
                key: noBytes, nonce: nonce, associated: associated, input: ciphertext, output: plaintext)
            if cipher == .chaChaPoly, plaintext.count <= RecordCipher.inPlaceBytesMax {
                return key.withUnsafeBytes { box.with(key: $0, Sodium.openChaChaPoly) }
            } else if plaintext.count <= RecordCipher.inPlaceBytesMax, schedule != nil {
                return withSchedule { Sodium.openScheduledAESGCM($0, box) }
            }
            return key.withUnsafeBytes { box.with(key: $0) { WideCipher.open(cipher, $0) } }
        }
    }

    private borrowing func withSchedule<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        switch schedule {
        case .some(let schedule): schedule.withUnsafeBytes(body)
        case .none: preconditionFailure("libsodium's AES-GCM is used only where it has made a schedule")
        }
    }

    private borrowing func withNonce<Result>(_ counter: UInt64, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let counter = cipher == .aesGCM ? counter.bigEndian : counter.littleEndian
        let low = UInt32(truncatingIfNeeded: counter)
        let high = UInt32(truncatingIfNeeded: counter >> 32)
        return withUnsafeBytes(of: (UInt32(0), low, high), body)
    }
}

extension SealInput {
    fileprivate func with<Result>(key: UnsafeRawBufferPointer, _ body: (SealInput) -> Result) -> Result {
        var box = self
        box.key = key
        return body(box)
    }
}
