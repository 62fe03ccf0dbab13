import Crypto

/// The hash functions of Noise (revision 34, section 12), and HMAC and HKDF over them.
package enum NoiseHash: UInt8, CaseIterable, Sendable {
    case sha256 = 1
    case sha512 = 2
    case blake2b = 3

    /// HASHLEN.
    package var byteCount: Int { self == .sha256 ? 32 : 64 }

    /// BLOCKLEN.
    package var blockByteCount: Int { self == .sha256 ? 64 : 128 }

    /// As in a protocol name.
    package var name: String {
        switch self {
        case .sha256: "SHA256"
        case .sha512: "SHA512"
        case .blake2b: "BLAKE2b"
        }
    }

    /// The hash of up to three pieces; `digest` has `byteCount` bytes and may be one of the pieces.
    package func hash(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = noBytes,
        _ third: UnsafeRawBufferPointer = noBytes, into digest: UnsafeMutableRawBufferPointer
    ) {
        precondition(digest.count == byteCount, "a digest has the hash's length")
        switch self {
        case .sha256:
            var state = SHA256()
            state.update(bufferPointer: first)
            if !second.isEmpty { state.update(bufferPointer: second) }
            if !third.isEmpty { state.update(bufferPointer: third) }
            state.finalize().withUnsafeBytes { digest.copyMemory(from: $0) }
        case .sha512:
            var state = SHA512()
            state.update(bufferPointer: first)
            if !second.isEmpty { state.update(bufferPointer: second) }
            if !third.isEmpty { state.update(bufferPointer: third) }
            state.finalize().withUnsafeBytes { digest.copyMemory(from: $0) }
        case .blake2b: Sodium.blake2b(first, second, third, into: digest)
        }
    }

    /// HMAC (RFC 2104) of up to three pieces. `key` fits a block; `code` has `byteCount` bytes and may overlap any
    /// input.
    package func authenticate(
        key: UnsafeRawBufferPointer, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = noBytes,
        into code: UnsafeMutableRawBufferPointer
    ) {
        let block = blockByteCount
        precondition(key.count <= block, "an HMAC key fits a block")
        withUnsafeTemporaryAllocation(byteCount: 2 * block + byteCount, alignment: 16) { memory in
            defer { Sodium.wipe(memory) }
            for index in 0..<block {
                let byte = index < key.count ? key[index] : 0
                memory[index] = byte ^ 0x36
                memory[block + index] = byte ^ 0x5c
            }
            let inner = UnsafeMutableRawBufferPointer(rebasing: memory[(2 * block)...])
            hash(UnsafeRawBufferPointer(rebasing: memory[..<block]), first, second, into: inner)
            hash(
                UnsafeRawBufferPointer(rebasing: memory[block..<2 * block]), UnsafeRawBufferPointer(inner), into: code)
        }
    }
}

/// Nothing, as memory.
package var noBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
