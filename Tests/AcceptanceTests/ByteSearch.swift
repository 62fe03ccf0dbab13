import Glibc

/// Looks for bytes in many bytes.
enum ByteSearch {
    /// How often the pattern is there.
    static func count(of pattern: [UInt8], in bytes: ArraySlice<UInt8>) -> Int {
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            var (count, start) = (0, 0)
            // C functions, since unoptimised Swift takes minutes for the memory of a process.
            while start + pattern.count <= bytes.count,
                let hit = memchr(base + start, Int32(pattern[0]), bytes.count - pattern.count - start + 1)
            {
                if memcmp(hit, pattern, pattern.count) == 0 { count += 1 }
                start = UnsafeRawPointer(hit) - base + 1
            }
            return count
        }
    }
}
