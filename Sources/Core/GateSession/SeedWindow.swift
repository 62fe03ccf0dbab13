/// The random bytes that begin a handshake flight.
package struct FlightSeed: Hashable, Sendable {
    private let words: (UInt64, UInt64)

    /// Keeps the first sixteen of a seed's bytes: as random as the rest, and enough to tell seeds apart.
    package init(_ bytes: [UInt8]) {
        var words: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &words) { $0.copyBytes(from: bytes.prefix(16)) }
        self.words = words
    }

    package static func == (left: FlightSeed, right: FlightSeed) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}

/// The seeds of the openings that a worker has lately seen, those behind a retry too, so that a replayed one gets no
/// answer.
///
/// A flight is accepted within ±``minutesTolerated`` of its minute, so a seed is kept until its flight is stale. The
/// worker's event loops share one behind a lock of the driver's.
package struct SeedWindow: Sendable {
    /// How far a flight's minute may be from the reader's.
    package static let minutesTolerated: Int64 = 5
    /// Seeds kept at once. Only flights whose header opens count, so an attacker who fills it knows the UUID.
    package static let seedsMax = 1 << 20

    private var seedsByMinute: [Int64: Set<FlightSeed>] = [:]
    private var count = 0

    package init() {}

    /// Remembers a seed of a flight of `minute`; `false` where it was seen before, or where no more can be kept: then
    /// nobody is answered until older seeds leave.
    package mutating func remember(_ seed: FlightSeed, minute: Int64, now: Int64) -> Bool {
        for stale in seedsByMinute.keys where stale < now - SeedWindow.minutesTolerated {
            count -= seedsByMinute.removeValue(forKey: stale)?.count ?? 0
        }
        guard count < SeedWindow.seedsMax, seedsByMinute[minute, default: []].insert(seed).inserted else {
            return false
        }
        count += 1
        return true
    }
}
