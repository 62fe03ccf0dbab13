/// What a direct session sends that means nothing, so that less shows of when something is meant (article
/// Protocol/CoverTraffic).
package enum NoisePolicy: Hashable, Sendable {
    /// Nothing.
    case off
    /// At random moments, beside what is meant.
    case poisson(PoissonNoise)
    /// Records of one length at even moments, and nothing between them: what is meant waits for its turn.
    case constant(ConstantRate)
}

/// Noise at random moments: the times between two are distributed exponentially.
package struct PoissonNoise: Hashable, Sendable {
    /// The most noise in a minute; on average half as much comes.
    package let perMinute: Int
    /// The plaintext of one has from 1 to so many bytes, each number equally likely.
    package let bytesMax: Int
    /// In a minute in which padding and noise together came to so many bytes, no more noise is made.
    package let budget: Int

    package init(perMinute: Int, bytesMax: Int, budget: Int) {
        precondition(perMinute > 0 && bytesMax > 0, "noise has a rate and a size")
        self.perMinute = perMinute
        self.bytesMax = min(bytesMax, RecordSealer.plaintextBytesMax)
        self.budget = budget
    }
}

/// Records at even moments.
package struct ConstantRate: Hashable, Sendable {
    /// The least plaintext of a record at a constant rate: the longest message that is not split fits.
    package static let bytesMin = 8_704

    /// Between two records.
    package let interval: Duration
    /// The plaintext of each record.
    package let bytes: Int

    /// Fewer than ``bytesMin`` bytes become so many, more than a record has room for become what it has.
    package init(perMinute: Int, bytes: Int) {
        precondition(perMinute > 0, "a rate is positive")
        interval = .nanoseconds(60_000_000_000 / perMinute)
        self.bytes = min(max(bytes, ConstantRate.bytesMin), RecordSealer.plaintextBytesMax)
    }
}

/// Bytes on the wire by what they were for: `real + padding + noise` is everything that was sealed.
package struct TrafficCount: Hashable, Sendable {
    /// Messages with what frames and authenticates them.
    package var real: UInt64 = 0
    /// Padding of records that hold messages.
    package var padding: UInt64 = 0
    /// Records that hold no message, whole; noise in those that do.
    package var noise: UInt64 = 0

    package init() {}

    /// Everything that was sealed.
    package var total: UInt64 { real + padding + noise }

    package static func += (sum: inout TrafficCount, more: TrafficCount) {
        sum.real += more.real
        sum.padding += more.padding
        sum.noise += more.noise
    }

    /// What came since an earlier count.
    package static func - (later: TrafficCount, earlier: TrafficCount) -> TrafficCount {
        var count = TrafficCount()
        count.real = later.real - earlier.real
        count.padding = later.padding - earlier.padding
        count.noise = later.noise - earlier.noise
        return count
    }
}
