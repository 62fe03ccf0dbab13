import GateCrypto
import Synchronization
import Testing

@Suite struct SecretMemory {
    @Test func `a secret keeps its bytes and another's slot is not touched`() throws {
        let slab = try SecretSlab()
        let first = try Secret(count: 32, in: slab) { $0.copyBytes(from: Array(0..<32)) }
        let second = try Secret(count: 64, in: slab) { $0.copyBytes(from: Array(100..<164)) }
        let copy = try first.copy()
        let (same, other) = (copy.isEqual(to: first), copy.isEqual(to: second))
        #expect(same && !other)
        #expect(first.withUnsafeBytes { Array($0) } == Array(0..<32))
        #expect(second.withUnsafeBytes { Array($0) } == Array(100..<164))
    }

    @Test(arguments: [1, 32, 64, 65, 128, 200, 256, 257, 512])
    func `a slot is wiped when its secret ends and given again`(count: Int) throws {
        let slab = try SecretSlab()
        let place = try placeOfAnEndedSecret(count, slab)
        let held = slab.heldBytes
        let next = try Secret(count: count, in: slab) { _ in }
        #expect(next.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } == place)
        #expect(next.withUnsafeBytes { $0.allSatisfy { $0 == 0 } })
        #expect(slab.heldBytes == held)
    }

    @Test func `slots are aligned to 64 and thousands share a few chunks`() throws {
        let slab = try SecretSlab()
        let keys = try (0..<3000).map { Held(try Secret(count: 32, in: slab, fill(UInt8(truncatingIfNeeded: $0)))) }
        #expect(keys.allSatisfy { $0.address % 64 == 0 })
        #expect(Set(keys.map(\.address)).count == 3000)
        #expect(slab.heldBytes < 256 << 10)
        for (index, key) in keys.enumerated() { #expect(key.first == UInt8(truncatingIfNeeded: index)) }
    }

    @Test func `where locking is refused secrets still work and the slab says so`() throws {
        let slab = try SecretSlab(locker: MemoryLocker { _, _ in false })
        #expect(slab.protection == .guardedOnly(unlockedBytes: slab.heldBytes))
        #expect(slab.unlockedBytes == slab.heldBytes)
        let secret = try Secret(count: 32, in: slab, fill(9))
        #expect(secret.withUnsafeBytes { $0.allSatisfy { $0 == 9 } })
    }

    @Test func `a limit of 64 KiB locks one chunk and then falls back`() throws {
        let granted = Mutex(64 << 10)
        let slab = try SecretSlab(
            locker: MemoryLocker { _, count in
                granted.withLock { left in
                    guard left >= count else { return false }
                    left -= count
                    return true
                }
            })
        #expect(slab.protection == .lockedAndGuarded)
        #expect(slab.unlockedBytes == 0)
        let states = try (0..<300).map { Held(try Secret(count: 512, in: slab, fill(UInt8(truncatingIfNeeded: $0)))) }
        guard case .guardedOnly(let unlocked) = slab.protection else { return #expect(Bool(false), "it must say so") }
        #expect(unlocked == slab.heldBytes - ((64 << 10) - 64))
        #expect(unlocked == slab.unlockedBytes)
        #expect(states.enumerated().allSatisfy { $1.first == UInt8(truncatingIfNeeded: $0) })
    }

    @Test func `5,000 sessions' cipher states fit the default of locked memory`() throws {
        let slab = try SecretSlab(locker: MemoryLocker { _, _ in true })
        let states = try (0..<10_000).map { _ in Held(try Secret(count: 512, in: slab) { _ in }) }
        #expect(slab.protection == .lockedAndGuarded)
        #expect(slab.heldBytes <= SecretSlab.lockedBytesDefault)
        withExtendedLifetime(states) {}
    }

    @Test func `beyond the budget chunks are guarded only`() throws {
        let slab = try SecretSlab(lockedBytes: 0, locker: MemoryLocker { _, _ in true })
        #expect(slab.protection != .lockedAndGuarded)
    }

    @Test func `a long-lived secret keeps its bytes and random ones differ`() throws {
        let secret = try GuardedSecret([1, 2, 3])
        #expect(secret.withUnsafeBytes { Array($0) } == [1, 2, 3])
        let (one, two) = (try GuardedSecret.random(count: 32), try GuardedSecret.random(count: 32))
        #expect(one.withUnsafeBytes { Array($0) } != two.withUnsafeBytes { Array($0) })
        #expect(try !GuardedSecret(count: 8, locker: MemoryLocker { _, _ in false }) { _ in }.isLocked)
    }

    private func fill(_ byte: UInt8) -> (UnsafeMutableRawBufferPointer) -> Void {
        { $0.initializeMemory(as: UInt8.self, repeating: byte) }
    }

    private func placeOfAnEndedSecret(_ count: Int, _ slab: SecretSlab) throws -> UInt {
        let secret = try Secret(count: count, in: slab, fill(0xaa))
        return secret.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) }
    }
}

/// A secret in an array, which holds copyable values only.
private final class Held {
    private let secret: Secret

    init(_ secret: consuming Secret) { self.secret = secret }

    var address: UInt { secret.withUnsafeBytes { UInt(bitPattern: $0.baseAddress) } }
    var first: UInt8 { secret.withUnsafeBytes { $0[0] } }
}
