internal import Glibc

/// What the system says about its own clock.
enum SystemClock {
    /// Whether something keeps the clock right, as `adjtimex(2)` tells; `true` where the system can't tell.
    static var isSynchronised: Bool {
        // The module map of the C library leaves out <sys/timex.h>, so the function is looked up by name.
        guard let symbol = dlsym(nil, "adjtimex") else { return true }
        // Proof: adjtimex takes a pointer to a struct timex, 208 bytes, and returns an int; this buffer is larger and
        // all zero, and zero modes only read.
        let adjtimex = unsafeBitCast(symbol, to: (@convention(c) (UnsafeMutableRawPointer) -> Int32).self)
        return withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { buffer in
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            guard let address = buffer.baseAddress else { return true }
            return adjtimex(address) != timeError
        }
    }

    /// `TIME_ERROR`: the clock is not synchronised.
    private static let timeError: Int32 = 5
}
