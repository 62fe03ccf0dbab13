/// Why protected memory could not be had.
package enum SecretMemoryFailure: Error, Equatable {
    /// The system gave no more pages, or the slab's own bound is reached. Free sessions and try again.
    case exhausted
}

/// How well secrets are kept; worth a warning in the log unless `lockedAndGuarded`.
package enum SecretMemoryProtection: Sendable, Equatable {
    /// Guard pages around every chunk, and every chunk locked: never swapped, never in a core dump.
    case lockedAndGuarded
    /// Guard pages, no core dump, wiped on release; but so many bytes could not be locked and may be swapped.
    case guardedOnly(unlockedBytes: Int)
}

/// Asks the system to keep memory out of swap; a value, so that a test can play a machine that refuses.
package struct MemoryLocker: Sendable {
    let lock: @Sendable (UnsafeMutableRawPointer, Int) -> Bool

    /// `mlock`, by libsodium.
    package static let system = MemoryLocker { Sodium.lock($0, $1) }

    /// Locks by the given function: start and count of bytes; `false` where refused.
    package init(lock: @escaping @Sendable (UnsafeMutableRawPointer, Int) -> Bool) { self.lock = lock }
}

/// Guarded, locked memory that the secrets of many connections share. Belongs to one event loop.
///
/// Secrets live in slots of 64, 128, 256 or 512 bytes, aligned to 64, cut from chunks of 64 KiB. Each chunk has guard
/// pages and a canary (libsodium), is left out of core dumps and locked into memory. A slot is wiped when its
/// `Secret` ends. A slab keeps its chunks until it ends itself.
///
/// Where the system refuses to lock (a container's default is 64 KiB) or the budget is spent, chunks stay guarded,
/// undumped and wiped but may be swapped; `protection` then says so, and the owner logs it once. Remedies: raise the
/// memory lock limit (`LimitMEMLOCK=`, `ulimits: memlock`) or switch swap off.
package final class SecretSlab {
    /// Locked bytes that a slab asks for at most by default: 8 MiB, what 5,000 sessions need.
    package static let lockedBytesDefault = 8 << 20
    /// The largest secret.
    package static let secretBytesMax = 512

    static let chunkBytes = (64 << 10) - 64  // with libsodium's canary, sixteen pages and not seventeen
    static let totalBytesMax = 256 << 20

    /// Whether everything held so far is locked.
    package private(set) var protection = SecretMemoryProtection.lockedAndGuarded

    /// Bytes that could not be locked, or were not asked to be as the slab's own budget was spent: they may be swapped.
    package private(set) var unlockedBytes = 0

    private let lockedBytesMax: Int
    private let locker: MemoryLocker
    private var lockedBytes = 0
    private var chunks: [UnsafeMutableRawPointer] = []
    private var free: [[UnsafeMutableRawPointer]] = Array(repeating: [], count: SecretSlab.slotBytes.count)
    private static let slotBytes = [64, 128, 256, 512]

    /// Takes the first chunk at once, so that a machine which locks nothing is known at start.
    package init(
        lockedBytes: Int = SecretSlab.lockedBytesDefault, locker: MemoryLocker = .system
    ) throws(SecretMemoryFailure) {
        Sodium.start()
        self.lockedBytesMax = lockedBytes
        self.locker = locker
        try addChunk(sizeClass: 0)
    }

    deinit {
        for chunk in chunks { Sodium.free(chunk) }
    }

    /// Bytes taken from the system so far, locked or not.
    package var heldBytes: Int { lockedBytes + unlockedBytes }

    func take(_ byteCount: Int) throws(SecretMemoryFailure) -> UnsafeMutableRawPointer {
        let sizeClass = SecretSlab.sizeClass(of: byteCount)
        if free[sizeClass].isEmpty { try addChunk(sizeClass: sizeClass) }
        guard let slot = free[sizeClass].popLast() else { throw .exhausted }
        return slot
    }

    func give(back slot: UnsafeMutableRawPointer, _ byteCount: Int) {
        let sizeClass = SecretSlab.sizeClass(of: byteCount)
        Sodium.wipe(UnsafeMutableRawBufferPointer(start: slot, count: SecretSlab.slotBytes[sizeClass]))
        free[sizeClass].append(slot)
    }

    private static func sizeClass(of byteCount: Int) -> Int {
        precondition(byteCount > 0 && byteCount <= secretBytesMax, "a secret has 1 to 512 bytes")
        return byteCount <= 64 ? 0 : byteCount <= 128 ? 1 : byteCount <= 256 ? 2 : 3
    }

    private func addChunk(sizeClass: Int) throws(SecretMemoryFailure) {
        let byteCount = SecretSlab.chunkBytes
        guard heldBytes + byteCount <= SecretSlab.totalBytesMax, let chunk = Sodium.allocate(byteCount) else {
            throw .exhausted
        }
        chunks.append(chunk)
        // `sodium_malloc` locks without telling; asking again for the same pages tells and costs nothing.
        if lockedBytes + byteCount <= lockedBytesMax, locker.lock(chunk, byteCount) {
            lockedBytes += byteCount
        } else {
            unlockedBytes += byteCount
            protection = .guardedOnly(unlockedBytes: unlockedBytes)
        }
        let slotBytes = SecretSlab.slotBytes[sizeClass]
        free[sizeClass].reserveCapacity(free[sizeClass].count + byteCount / slotBytes)
        for index in (0..<byteCount / slotBytes).reversed() {
            let slot = chunk + index * slotBytes
            Sodium.wipe(UnsafeMutableRawBufferPointer(start: slot, count: slotBytes))
            free[sizeClass].append(slot)
        }
    }
}
