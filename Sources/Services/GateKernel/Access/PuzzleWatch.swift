import GateModel

/// Tells once that a worker begins to ask for puzzles, and once that it has asked for none for a while: an attack that
/// comes and goes, or is just about the threshold, is one.
struct PuzzleWatch {
    enum Change: Equatable { case begun, ended }

    /// For how long nothing is asked for until that counts as the end.
    static let calmTime = Duration.seconds(60)

    private var lastAsked: MonotonicInstant?

    /// The most that any loop asks for now; what is to be told of it.
    mutating func seen(effort: UInt8, at now: MonotonicInstant) -> Change? {
        guard effort == 0 else {
            defer { lastAsked = now }
            return lastAsked == nil ? .begun : nil
        }
        guard let last = lastAsked, now - last >= PuzzleWatch.calmTime else { return nil }
        lastAsked = nil
        return .ended
    }
}
