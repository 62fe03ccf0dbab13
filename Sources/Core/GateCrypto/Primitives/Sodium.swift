import CSodium

/// The one place that calls libsodium for memory, randomness, hashes and signatures. `Sodium+Ciphers` has XChaCha20-Poly1305.
package enum Sodium {
    /// Makes libsodium ready; cheap and safe to call from any thread, any number of times.
    ///
    /// Everything of this module that needs it calls it on creation.
    package static func start() {
        precondition(started, "libsodium starts wherever the system gives random bytes")
    }

    // `sodium_init` is idempotent and thread-safe; a global's initialiser runs once.
    private static let started = sodium_init() >= 0

    static func allocate(_ byteCount: Int) -> UnsafeMutableRawPointer? { sodium_malloc(byteCount) }

    /// Clears and frees what `allocate` gave; ends the process if the canary before the block was overwritten.
    static func free(_ pointer: UnsafeMutableRawPointer) { sodium_free(pointer) }

    static func lock(_ pointer: UnsafeMutableRawPointer, _ byteCount: Int) -> Bool {
        sodium_mlock(pointer, byteCount) == 0
    }

    static func makeReadOnly(_ pointer: UnsafeMutableRawPointer) -> Bool { sodium_mprotect_readonly(pointer) == 0 }

    /// Clears memory in a way that no optimiser removes.
    package static func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        sodium_memzero(start, bytes.count)
    }

    /// Compares in a time that depends on the counts only.
    package static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count, let first = left.baseAddress, let second = right.baseAddress else {
            return left.count == right.count
        }
        return sodium_memcmp(first, second, left.count) == 0
    }

    static func fillRandom(_ bytes: UnsafeMutableRawBufferPointer) {
        guard let start = bytes.baseAddress else { return }
        randombytes_buf(start, bytes.count)
    }

    /// ChaCha20 keystream (RFC 8439 block function, zero nonce); `key` is 32 bytes.
    static func fillKeystream(_ bytes: UnsafeMutableRawBufferPointer, key: UnsafeRawBufferPointer) {
        precondition(key.count == 32, "a keystream's key has 32 bytes")
        var nonce: (UInt64, UInt32) = (0, 0)
        _ = withUnsafeBytes(of: &nonce) { nonce in
            crypto_stream_chacha20_ietf(bytes.bytes, UInt64(bytes.count), nonce.bytes, key.bytes)
        }
    }

    /// BLAKE2b-512 of up to three pieces, unkeyed (RFC 7693).
    static func blake2b(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
        into digest: UnsafeMutableRawBufferPointer
    ) {
        let size = crypto_generichash_blake2b_statebytes()
        withUnsafeTemporaryAllocation(byteCount: size, alignment: 64) { memory in
            defer { wipe(memory) }
            // Swift imports no type aligned to 64; libsodium's state is opaque bytes of this size and alignment.
            let state = OpaquePointer(memory.bytes)
            _ = crypto_generichash_blake2b_init(state, nil, 0, 64)
            for piece in [first, second, third] where !piece.isEmpty {
                _ = crypto_generichash_blake2b_update(state, piece.bytes, UInt64(piece.count))
            }
            _ = crypto_generichash_blake2b_final(state, digest.bytes, 64)
        }
    }

    /// SHA-256 (FIPS 180-4); `digest` has 32 bytes. Unlike the hashes of swift-crypto it allocates nothing.
    static func sha256(_ bytes: UnsafeRawBufferPointer, into digest: UnsafeMutableRawBufferPointer) {
        precondition(digest.count == 32, "SHA-256 gives 32 bytes")
        _ = crypto_hash_sha256(digest.bytes, bytes.bytes, UInt64(bytes.count))
    }

    /// Ed25519 (RFC 8032): writes the 64-byte secret key and the 32-byte public key of a 32-byte seed.
    static func signingKeyPair(
        seed: UnsafeRawBufferPointer, secretKey: UnsafeMutableRawBufferPointer, publicKey: UnsafeMutableRawBufferPointer
    ) {
        precondition(seed.count == 32 && secretKey.count == 64 && publicKey.count == 32, "Ed25519 sizes")
        _ = crypto_sign_seed_keypair(publicKey.bytes, secretKey.bytes, seed.bytes)
    }

    static func isSigned(
        _ message: UnsafeRawBufferPointer, by publicKey: UnsafeRawBufferPointer, signature: UnsafeRawBufferPointer
    ) -> Bool {
        guard publicKey.count == 32, signature.count == 64 else { return false }
        return crypto_sign_verify_detached(
            signature.bytes, message.bytes, UInt64(message.count), publicKey.bytes) == 0
    }

    /// Argon2id (RFC 9106) of a passphrase; slow and large on purpose, so never on an event loop. `salt` has 16 bytes.
    static func stretch(
        _ passphrase: UnsafeRawBufferPointer, salt: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> Bool {
        precondition(salt.count == 16, "Argon2id takes a salt of 16 bytes here")
        return crypto_pwhash(
            output.bytes, UInt64(output.count), UnsafeRawPointer(passphrase.bytes).assumingMemoryBound(to: CChar.self),
            UInt64(passphrase.count), salt.bytes, UInt64(crypto_pwhash_opslimit_moderate()),
            crypto_pwhash_memlimit_moderate(), crypto_pwhash_alg_argon2id13()) == 0
    }

    static func sign(_ message: UnsafeRawBufferPointer, secretKey: UnsafeRawBufferPointer) -> [UInt8] {
        precondition(secretKey.count == 64, "an Ed25519 secret key is seed and public key")
        return [UInt8](unsafeUninitializedCapacity: 64) { signature, count in
            _ = crypto_sign_detached(
                UnsafeMutableRawBufferPointer(signature).bytes, nil, message.bytes, UInt64(message.count),
                secretKey.bytes)
            count = 64
        }
    }
}

extension UnsafeRawBufferPointer {
    /// The start as libsodium's byte pointer; an address that is never read where there are no bytes.
    var bytes: UnsafePointer<UInt8> {
        (baseAddress ?? UnsafeRawPointer(nowhere)).assumingMemoryBound(to: UInt8.self)
    }
}

extension UnsafeMutableRawBufferPointer {
    /// The start as libsodium's byte pointer; an address that is never written where there are no bytes.
    var bytes: UnsafeMutablePointer<UInt8> { (baseAddress ?? nowhere).assumingMemoryBound(to: UInt8.self) }
}

// Never read or written: it only stands where C wants an address beside a count of zero.
nonisolated(unsafe) private let nowhere = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)
