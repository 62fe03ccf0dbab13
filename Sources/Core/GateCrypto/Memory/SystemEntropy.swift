/// The operating system's random bytes: the one place where this module draws them.
///
/// Machines never call it; they are given what it made (`HandshakeEntropy`, `FastRandom`).
package enum SystemEntropy {
    /// Fresh random bytes, not secret or not for long; for keys there are `GuardedSecret.random` and `secret`.
    package static func bytes(_ count: Int) -> [UInt8] {
        Sodium.start()
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            Sodium.fillRandom(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// A fresh random secret.
    package static func secret(_ count: Int, in slab: SecretSlab) throws(SecretMemoryFailure) -> Secret {
        try Secret(count: count, in: slab) { Sodium.fillRandom($0) }
    }

    /// Fills memory with fresh random bytes.
    package static func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        Sodium.start()
        Sodium.fillRandom(bytes)
    }
}
