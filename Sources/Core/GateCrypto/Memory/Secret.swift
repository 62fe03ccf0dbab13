/// Secret bytes in a slot of a `SecretSlab`: 1 to 512 of them, wiped when the value ends.
///
/// Stays on the slab's event loop. Never copied, printed or compared but in constant time.
package struct Secret: ~Copyable {
    /// How many bytes are kept.
    package let count: Int

    private let slab: SecretSlab
    private let slot: UnsafeMutableRawPointer

    /// Takes a slot and lets `body` fill it; the slot holds zeros before.
    package init(
        count: Int, in slab: SecretSlab, _ body: (UnsafeMutableRawBufferPointer) -> Void
    ) throws(SecretMemoryFailure) {
        self.count = count
        self.slab = slab
        self.slot = try slab.take(count)
        body(UnsafeMutableRawBufferPointer(start: slot, count: count))
    }

    /// Copies the bytes; wiping the source is the caller's.
    package init(copying bytes: UnsafeRawBufferPointer, in slab: SecretSlab) throws(SecretMemoryFailure) {
        try self.init(count: bytes.count, in: slab) { $0.copyMemory(from: bytes) }
    }

    deinit { slab.give(back: slot, count) }

    /// Another slot with the same bytes.
    package borrowing func copy() throws(SecretMemoryFailure) -> Secret {
        try Secret(copying: UnsafeRawBufferPointer(start: slot, count: count), in: slab)
    }

    /// Lends the bytes for the call; they must not be kept.
    package borrowing func withUnsafeBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(start: slot, count: count))
    }

    /// Lends the bytes for changing in place.
    package mutating func withUnsafeMutableBytes<Result: ~Copyable, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeMutableRawBufferPointer(start: slot, count: count))
    }

    /// Compares in constant time.
    package borrowing func isEqual(to other: borrowing Secret) -> Bool {
        Sodium.areEqual(
            UnsafeRawBufferPointer(start: slot, count: count),
            UnsafeRawBufferPointer(start: other.slot, count: other.count))
    }
}
