import Crypto

/// The AEADs of Noise (revision 34, section 12): a 32-byte key, a 64-bit counter as nonce, a 16-byte tag.
package enum NoiseCipher: UInt8, CaseIterable, Sendable {
    case aesGCM = 1
    case chaChaPoly = 2

    package static let keyByteCount = 32
    package static let tagByteCount = 16

    /// As in a protocol name.
    package var name: String { self == .aesGCM ? "AESGCM" : "ChaChaPoly" }

    /// Seals `plaintext` into `output` (16 bytes longer), which may be the same memory.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, counter: UInt64,
        associated: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) {
        precondition(output.count == plaintext.count + NoiseCipher.tagByteCount, "a sealed text has a tag more")
        precondition(key.count == NoiseCipher.keyByteCount, "a cipher key has 32 bytes")
        var nonce = nonce(counter)
        withUnsafeBytes(of: &nonce) { nonce in
            let nonce = UnsafeRawBufferPointer(rebasing: nonce[4...])
            let box = SealInput(key: key, nonce: nonce, associated: associated, input: plaintext, output: output)
            switch self {
            case .chaChaPoly: Sodium.sealChaChaPoly(box)
            case .aesGCM: if Sodium.hasAESGCM { Sodium.sealAESGCM(box) } else { PortableAESGCM.seal(box) }
            }
        }
    }

    /// Opens `sealed` into `output` (16 bytes shorter), which may be the same memory; `false` where it was changed.
    package func open(
        _ sealed: UnsafeRawBufferPointer, key: UnsafeRawBufferPointer, counter: UInt64,
        associated: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard sealed.count >= NoiseCipher.tagByteCount else { return false }
        precondition(output.count == sealed.count - NoiseCipher.tagByteCount, "an opened text has a tag less")
        precondition(key.count == NoiseCipher.keyByteCount, "a cipher key has 32 bytes")
        var nonce = nonce(counter)
        return withUnsafeBytes(of: &nonce) { nonce in
            let nonce = UnsafeRawBufferPointer(rebasing: nonce[4...])
            let box = SealInput(key: key, nonce: nonce, associated: associated, input: sealed, output: output)
            return switch self {
            case .chaChaPoly: Sodium.openChaChaPoly(box)
            case .aesGCM: Sodium.hasAESGCM ? Sodium.openAESGCM(box) : PortableAESGCM.open(box)
            }
        }
    }

    /// Four bytes that are not used, then the 96-bit nonce: 32 zero bits and the counter, big-endian for AES-GCM and
    /// little-endian for ChaCha20-Poly1305.
    private func nonce(_ counter: UInt64) -> (UInt64, UInt64) {
        (0, self == .aesGCM ? counter.bigEndian : counter.littleEndian)
    }
}

/// AES-256-GCM by swift-crypto, where libsodium has none for the machine (ARM64).
enum PortableAESGCM {
    static func seal(_ box: SealInput) {
        guard let nonce = try? AES.GCM.Nonce(data: box.nonce),
            let sealed = try? AES.GCM.seal(
                box.input, using: SymmetricKey(data: box.key), nonce: nonce, authenticating: box.associated)
        else { preconditionFailure("AES-GCM seals under 32 bytes of key and 12 of nonce") }
        let count = box.input.count
        UnsafeMutableRawBufferPointer(rebasing: box.output[..<count]).copyBytes(from: sealed.ciphertext)
        UnsafeMutableRawBufferPointer(rebasing: box.output[count...]).copyBytes(from: sealed.tag)
    }

    static func open(_ box: SealInput) -> Bool {
        let count = box.input.count - NoiseCipher.tagByteCount
        guard let nonce = try? AES.GCM.Nonce(data: box.nonce),
            let sealed = try? AES.GCM.SealedBox(
                nonce: nonce, ciphertext: UnsafeRawBufferPointer(rebasing: box.input[..<count]),
                tag: UnsafeRawBufferPointer(rebasing: box.input[count...])),
            let opened = try? AES.GCM.open(
                sealed, using: SymmetricKey(data: box.key), authenticating: box.associated)
        else { return false }
        box.output.copyBytes(from: opened)
        return true
    }
}
