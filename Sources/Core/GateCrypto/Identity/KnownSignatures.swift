/// Signatures that were found right, by the SHA-256 of the signed value: checking one again costs a hash, not 55 µs.
///
/// Bounded; the oldest makes room. Belongs to one event loop. Holds nothing about times or rights: those are judged
/// anew.
package struct KnownSignatures {
    private struct Digest: Hashable {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        static func == (left: Digest, right: Digest) -> Bool { left.words == right.words }

        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    private let capacity: Int
    private var known: Set<Digest> = []
    private var order: [Digest] = []
    private var oldest = 0

    /// Remembers so many at most; with 0 every signature is checked.
    package init(capacity: Int = 1024) { self.capacity = capacity }

    /// How many are remembered.
    package var count: Int { known.count }

    /// Whether the value is known, or else `body` finds its signature right, which is then remembered.
    mutating func check(_ signed: [UInt8], _ body: () -> Bool) -> Bool {
        guard capacity > 0 else { return body() }
        var digest = Digest()
        signed.withUnsafeBytes { signed in
            withUnsafeMutableBytes(of: &digest.words) { NoiseHash.sha256.hash(signed, into: $0) }
        }
        if known.contains(digest) { return true }
        guard body() else { return false }
        remember(digest)
        return true
    }

    private mutating func remember(_ digest: Digest) {
        if order.count < capacity {
            order.append(digest)
        } else {
            known.remove(order[oldest])
            order[oldest] = digest
            oldest = (oldest + 1) % capacity
        }
        known.insert(digest)
    }
}
