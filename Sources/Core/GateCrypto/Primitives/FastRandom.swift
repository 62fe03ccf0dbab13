package import NIOCore

/// Random bytes at gigabytes a second for padding, the tails of cells, timers and ids: a ChaCha20 keystream, seeded
/// once.
///
/// Each refill of 4 KiB takes its first 32 bytes as the next key and forgets the last (fast key erasure), so what was
/// given out can't be computed from what is held. Belongs to one event loop. The same seed gives the same bytes.
package struct FastRandom: ~Copyable {
    private static let refillBytes = 4096
    private let memory: UnsafeMutableRawBufferPointer
    private var position = FastRandom.refillBytes

    /// Seeded with 32 bytes; tests give fixed ones.
    package init(seed: [UInt8]) {
        precondition(seed.count == 32, "a seed has 32 bytes")
        Sodium.start()
        memory = .allocate(byteCount: FastRandom.refillBytes, alignment: 64)
        memory.copyBytes(from: seed)
    }

    /// Seeded by the operating system.
    package init() { self.init(seed: SystemEntropy.bytes(32)) }

    deinit {
        Sodium.wipe(memory)
        memory.deallocate()
    }

    /// Fills memory.
    package mutating func fill(_ bytes: UnsafeMutableRawBufferPointer) {
        var done = 0
        while done < bytes.count {
            if position == FastRandom.refillBytes { refill() }
            let count = min(bytes.count - done, FastRandom.refillBytes - position)
            let given = UnsafeMutableRawBufferPointer(rebasing: memory[position..<position + count])
            UnsafeMutableRawBufferPointer(rebasing: bytes[done..<done + count]).copyMemory(
                from: UnsafeRawBufferPointer(given))
            given.initializeMemory(as: UInt8.self, repeating: 0)
            position += count
            done += count
        }
    }

    /// Appends random bytes to a buffer.
    package mutating func append(_ count: Int, to buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            fill(UnsafeMutableRawBufferPointer(rebasing: memory[0..<count]))
            return count
        }
    }

    /// An array of random bytes.
    package mutating func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            fill(UnsafeMutableRawBufferPointer(buffer))
            initialized = count
        }
    }

    /// A random word.
    package mutating func next() -> UInt64 {
        var word: UInt64 = 0
        withUnsafeMutableBytes(of: &word) { fill($0) }
        return word
    }

    /// A number from zero up to and without `bound`, each equally likely.
    package mutating func below(_ bound: UInt64) -> UInt64 {
        precondition(bound > 0, "a bound is positive")
        // Lemire's multiplication with rejection: unbiased, a division once in 2^64 / bound draws.
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return product.high
    }

    private mutating func refill() {
        withUnsafeTemporaryAllocation(byteCount: 32, alignment: 16) { key in
            key.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[0..<32]))
            Sodium.fillKeystream(memory, key: UnsafeRawBufferPointer(key))
            Sodium.wipe(key)
        }
        position = 32
    }
}
