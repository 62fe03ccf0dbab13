import GateModel

/// One thing that `bench history` does to one worker.
struct HistoryFault: Equatable, Sendable {
    enum Kind: String, CaseIterable, Sendable {
        /// `kill -9`; it is started again.
        case kill
        /// SIGSTOP beyond its lease and the peers' patience, then SIGCONT.
        case pause
        /// Nothing passes between it and the database service.
        case database
        /// Nothing passes between it and the extender.
        case extender
        /// Nothing passes between it and peers: some, or all.
        case peers
        /// All three at once.
        case isolation
    }

    let kind: Kind
    /// Counted from 0.
    let worker: Int
    /// How long it lasts; for a kill, how long the worker stays away.
    let seconds: Double
    /// Which way nothing passes.
    let hold: FaultyForwarder.Hold
    /// Whether what was held up passes in the end, or its connections break.
    let heals: Bool
    /// Before the next fault.
    let gap: Double

    /// `worker.lease` while the bench runs, the least that the setting takes.
    static let lease = 3.0

    /// So many faults of a seed, each kind as often.
    static func plan(count: Int, workers: Int, seed: UInt64) -> [HistoryFault] {
        var random = SplitMix64(seed: seed)
        var kinds: [Kind] = []
        while kinds.count < count { kinds += Kind.allCases }
        return kinds.prefix(count).shuffled(using: &random).map { kind in
            HistoryFault(
                kind: kind, worker: Int.random(in: 0..<workers, using: &random),
                seconds: Double.random(in: kind.seconds, using: &random), hold: hold(of: kind, &random),
                heals: Bool.random(using: &random), gap: Double.random(in: 0...1, using: &random))
        }
    }

    /// A third each: both ways, and either. Every other time that peers are cut off it is half of them.
    private static func hold(of kind: Kind, _ random: inout SplitMix64) -> FaultyForwarder.Hold {
        let way = Int.random(in: 0..<3, using: &random)
        return FaultyForwarder.Hold(
            isInbound: way != 1, isOutbound: way != 2, isHalf: kind == .peers && Bool.random(using: &random))
    }
}

extension HistoryFault.Kind {
    /// How long it lasts.
    fileprivate var seconds: ClosedRange<Double> {
        switch self {
        case .kill: 0...1
        case .pause, .database, .isolation: HistoryFault.lease + 1...HistoryFault.lease + 5
        case .extender, .peers: 1...8
        }
    }
}

extension HistoryFault: CustomStringConvertible {
    var description: String {
        let ways = (hold.isInbound ? " in" : "") + (hold.isOutbound ? " out" : "") + (hold.isHalf ? " half" : "")
        let time = "\(kind.rawValue) of worker \(worker + 1) for \(Int(seconds * 1000)) ms"
        switch kind {
        case .kill, .pause: return time
        case .database, .extender, .peers, .isolation: return "\(time),\(ways), \(heals ? "heals" : "breaks")"
        }
    }
}
