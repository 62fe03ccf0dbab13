package import GateModel

/// What path selection is told by settings.
package struct PathSettings: Equatable, Sendable {
    /// The longest path, in relays.
    package static let relaysMax = 8

    /// Whether nodes of one path may be in the same /16 or /48, or without a literal address. For networks on one
    /// machine; elsewhere one operator could then hold a whole path.
    package var allowsSameNetwork = false
    /// A candidate known for less is left out of random paths.
    package var ageMin: Duration = .zero
    /// Whether all nodes of a path may have been learnt from the same node. Nodes that the operator added don't count
    /// as learnt from anyone.
    package var allowsSingleSource = false
    /// How many nodes serve as first hop at a time.
    package var guardCount = 3
    /// How long a node stays one of them, at most. Seconds of the calendar, so that it outlives a restart.
    package var guardLifetimeSeconds: Int64 = 60 * 86_400
    /// After how long a first hop that was not reached is tried again.
    package var guardRetrySeconds: Int64 = 60
    /// How long a first hop must have been absent before another takes its place.
    package var guardAbsenceSeconds: Int64 = 3600
    /// How often that may happen within ``guardLifetimeSeconds``.
    package var guardReplacementsMax = 4
    /// First hops beyond ``guardCount`` for the time when none of the guards is there.
    package var guardReservesMax = 3
    /// How many random paths are tried before none is said to exist.
    package var attemptCount = 64

    /// The defaults.
    package init() {}
}

/// Why there is no path.
package enum PathFailure: Error, Equatable, Sendable {
    /// More relays than ``PathSettings/relaysMax``, or fewer than 0.
    case badLength
    /// A named node isn't known.
    case unknownNode(NodeUUID)
    /// A named node doesn't relay, or is the destination, ourselves, or named twice.
    case unfitNode(NodeUUID)
    /// Two named nodes (or one and an end) are in the same network, or all were learnt from one source.
    case notApart
    /// There are not enough fit nodes apart from each other.
    case tooFewNodes
}
