import Crypto

/// swift-crypto's AEADs over raw memory, for records that are large enough to pay for its allocations.
enum WideCipher {
    static func seal(_ cipher: NoiseCipher, _ box: SealInput) {
        let key = SymmetricKey(data: box.key)
        let count = box.input.count + RecordCipher.tagBytes
        let sealed: Bool
        switch cipher {
        case .aesGCM:
            sealed = put(
                try? AES.GCM.seal(
                    box.input, using: key, nonce: AES.GCM.Nonce(data: box.nonce), authenticating: box.associated
                ).combined, dropping: box.nonce.count, count, into: box.output)
        case .chaChaPoly:
            sealed = put(
                try? ChaChaPoly.seal(
                    box.input, using: key, nonce: ChaChaPoly.Nonce(data: box.nonce), authenticating: box.associated
                ).combined, dropping: box.nonce.count, count, into: box.output)
        }
        precondition(sealed, "a 32-byte key and 12-byte nonce seal any record")
    }

    static func open(_ cipher: NoiseCipher, _ box: SealInput) -> Bool {
        let key = SymmetricKey(data: box.key)
        let text = UnsafeRawBufferPointer(rebasing: box.input[..<box.output.count])
        let tag = UnsafeRawBufferPointer(rebasing: box.input[box.output.count...])
        switch cipher {
        case .aesGCM:
            return put(
                try? AES.GCM.open(
                    AES.GCM.SealedBox(nonce: AES.GCM.Nonce(data: box.nonce), ciphertext: text, tag: tag), using: key,
                    authenticating: box.associated), dropping: 0, box.output.count, into: box.output)
        case .chaChaPoly:
            return put(
                try? ChaChaPoly.open(
                    ChaChaPoly.SealedBox(nonce: ChaChaPoly.Nonce(data: box.nonce), ciphertext: text, tag: tag),
                    using: key, authenticating: box.associated), dropping: 0, box.output.count, into: box.output)
        }
    }

    private static func put(
        _ data: (some Collection<UInt8>)?, dropping prefix: Int, _ count: Int,
        into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let copied: Bool? = data?.withContiguousStorageIfAvailable { bytes in
            guard bytes.count == prefix + count else { return false }
            output.copyMemory(from: UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[prefix...])))
            return true
        }
        return copied ?? false
    }
}
