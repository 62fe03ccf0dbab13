/// A long-lived secret in guarded, locked pages of its own: an identity key, a static key, a vault key, a shared
/// secret.
///
/// Read-only once made, wiped when the last reference goes. Takes four pages: for a handful of values, not for
/// sessions' (`Secret`).
// Safe to share: `init` writes, then the pages are read-only and nothing here writes again.
package final class GuardedSecret: @unchecked Sendable {
    /// How many bytes are kept.
    package let count: Int
    /// Whether the pages are locked into memory; where not, they are guarded and wiped but may be swapped.
    package let isLocked: Bool

    private let pointer: UnsafeMutableRawPointer

    /// Takes pages and lets `body` fill them; 1 byte to 64 KiB.
    package init(
        count: Int, locker: MemoryLocker = .system, _ body: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(SecretMemoryFailure) {
        precondition(count > 0 && count <= 64 << 10, "a guarded secret has 1 byte to 64 KiB")
        Sodium.start()
        guard let pointer = Sodium.allocate(count) else { throw .exhausted }
        self.count = count
        self.pointer = pointer
        self.isLocked = locker.lock(pointer, count)
        body(UnsafeMutableRawBufferPointer(start: pointer, count: count))
        // Where the system refuses (it never has), the secret is only writable, not exposed.
        _ = Sodium.makeReadOnly(pointer)
    }

    /// Copies the bytes; wiping the source is the caller's.
    package convenience init(copying bytes: UnsafeRawBufferPointer) throws(SecretMemoryFailure) {
        try self.init(count: bytes.count) { $0.copyMemory(from: bytes) }
    }

    /// Copies an array; for secrets that come from a file or a test. The caller's array stays as it is.
    package convenience init(_ bytes: [UInt8]) throws(SecretMemoryFailure) {
        try self.init(count: bytes.count) { $0.copyBytes(from: bytes) }
    }

    /// Fresh random bytes.
    package static func random(count: Int) throws(SecretMemoryFailure) -> GuardedSecret {
        try GuardedSecret(count: count) { Sodium.fillRandom($0) }
    }

    deinit { Sodium.free(pointer) }

    /// Lends the bytes for the call; they must not be kept.
    package func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // The object, and so its pages, must outlive the call.
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: pointer, count: count))
    }
}
