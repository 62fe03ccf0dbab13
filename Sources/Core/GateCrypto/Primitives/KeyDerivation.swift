/// HKDF (RFC 5869) with the protocol's labels; what comes out lives in protected memory.
///
/// `info` = length byte of the label ‖ label ‖ context.
package enum KeyDerivation {
    /// HKDF-Extract: a key of the hash's length from a salt (at most a block) and up to two pieces of input.
    package static func extract(
        _ hash: NoiseHash = .sha256, salt: UnsafeRawBufferPointer, input: UnsafeRawBufferPointer,
        _ more: UnsafeRawBufferPointer = noBytes, in slab: SecretSlab
    ) throws(SecretMemoryFailure) -> Secret {
        try Secret(count: hash.byteCount, in: slab) { hash.authenticate(key: salt, input, more, into: $0) }
    }

    /// HKDF-Expand: `count` bytes (512 at most) for one purpose from a uniformly random key.
    package static func expand(
        _ hash: NoiseHash = .sha256, key: borrowing Secret, label: Label, context: [UInt8] = [], count: Int,
        in slab: SecretSlab
    ) throws(SecretMemoryFailure) -> Secret {
        let info = label.bytes + context
        return try key.withUnsafeBytes { key throws(SecretMemoryFailure) in
            try Secret(count: count, in: slab) { output in
                info.withUnsafeBytes { expand(hash, key: key, info: $0, into: output) }
            }
        }
    }

    /// HKDF-Expand from a long-lived secret that is uniformly random.
    package static func expand(
        _ hash: NoiseHash = .sha256, key: GuardedSecret, label: Label, context: [UInt8] = [], count: Int,
        in slab: SecretSlab
    ) throws(SecretMemoryFailure) -> Secret {
        let info = label.bytes + context
        return try key.withUnsafeBytes { key throws(SecretMemoryFailure) in
            try Secret(count: count, in: slab) { output in
                info.withUnsafeBytes { expand(hash, key: key, info: $0, into: output) }
            }
        }
    }

    /// HKDF-Expand over raw memory, with the bare `info`.
    static func expand(
        _ hash: NoiseHash, key: UnsafeRawBufferPointer, info: UnsafeRawBufferPointer,
        into output: UnsafeMutableRawBufferPointer
    ) {
        let length = hash.byteCount
        precondition(output.count <= 255 * length, "HKDF gives at most 255 blocks")
        // T(i - 1) ‖ info ‖ i
        withUnsafeTemporaryAllocation(byteCount: length + info.count + 1, alignment: 16) { block in
            defer { Sodium.wipe(block) }
            let previous = UnsafeMutableRawBufferPointer(rebasing: block[..<length])
            UnsafeMutableRawBufferPointer(rebasing: block[length...]).copyMemory(from: info)
            var done = 0
            var counter: UInt8 = 1
            while done < output.count {
                block[block.count - 1] = counter
                let input = UnsafeRawBufferPointer(rebasing: block[(counter == 1 ? length : 0)...])
                hash.authenticate(key: key, input, into: previous)
                let count = min(length, output.count - done)
                UnsafeMutableRawBufferPointer(rebasing: output[done..<done + count]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: previous[..<count]))
                done += count
                counter &+= 1
            }
        }
    }
}
