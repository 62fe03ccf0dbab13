package import GateModel

/// How bad something was that a subject did.
package enum ReputationFault: String, Sendable, CaseIterable {
    /// May happen to an honest one.
    case minor
    /// Should not happen.
    case moderate
    /// No correct node does it.
    case severe
}

/// What faults cost and how fast they are forgiven: a node's tolerance.
package struct ReputationPolicy: Equatable, Sendable {
    /// Points of a minor fault.
    package var minor = 20
    /// Points of a moderate fault.
    package var moderate = 50
    /// Points of a severe fault: more than a subject begins with.
    package var severe = 200
    /// Points that come back in each ``recoverySeconds``; at least 1.
    package var recovery = 20

    /// See ``recovery``.
    package static let recoverySeconds: Int64 = 600

    /// The defaults.
    package init() {}

    /// What a fault costs.
    package func points(of fault: ReputationFault) -> Int {
        switch fault {
        case .minor: minor
        case .moderate: moderate
        case .severe: severe
        }
    }

    /// Points that come back within so many seconds.
    fileprivate func points(in seconds: Int64) -> Int64 {
        seconds * Int64(max(recovery, 1)) / ReputationPolicy.recoverySeconds
    }

    /// Seconds until so many points have come back.
    fileprivate func seconds(for points: Int64) -> Int64 {
        let recovery = Int64(max(recovery, 1))
        return (points * ReputationPolicy.recoverySeconds + recovery - 1) / recovery
    }
}

/// How a node or a host has behaved: a score that faults lower and time raises.
///
/// Kept are a score and the moment of which it is; the score of any later moment is computed, so that nothing has to be
/// written while time forgives:
///
///     score(now) = min(start, score + (now − moment) × recovery / 600 s)
///
/// Acceptable is whoever is above 0.
package struct Reputation: Hashable, Sendable {
    /// What everybody begins with, and never exceeds.
    package static let start = 100
    /// What nobody falls below.
    package static let worst = -3000

    /// The score at ``countedAt``.
    package private(set) var storedScore: Int
    /// The moment up to which what came back is in ``storedScore``.
    package private(set) var countedAt: UnixTime

    /// Of somebody who never did anything wrong.
    package init(at now: UnixTime) {
        storedScore = Reputation.start
        countedAt = now
    }

    /// As it was stored; a score out of range is taken into it.
    package init(storedScore: Int, countedAt: UnixTime) {
        self.storedScore = min(max(storedScore, Reputation.worst), Reputation.start)
        self.countedAt = countedAt
    }

    /// The score now. A clock that went back takes nothing away.
    package func score(at now: UnixTime, _ policy: ReputationPolicy) -> Int {
        min(Reputation.start, storedScore + Int(policy.points(in: elapsed(until: now))))
    }

    /// Takes points off the score of now. Any order of charges of one moment gives the same.
    package mutating func charge(_ points: Int, at now: UnixTime, _ policy: ReputationPolicy) {
        let recovered = policy.points(in: elapsed(until: now))
        if storedScore + Int(recovered) >= Reputation.start {
            self = Reputation(at: max(now, countedAt))
        } else {
            storedScore += Int(recovered)
            // The seconds towards the next point stay the subject's.
            countedAt = countedAt + policy.seconds(for: recovered)
        }
        storedScore = max(Reputation.worst, storedScore - max(points, 0))
    }

    /// The first moment at which it is acceptable, if nothing more happens.
    package func acceptableAt(_ policy: ReputationPolicy) -> UnixTime {
        countedAt + policy.seconds(for: max(0, 1 - Int64(storedScore)))
    }

    /// The first moment at which everything is forgiven, if nothing more happens.
    package func forgivenAt(_ policy: ReputationPolicy) -> UnixTime {
        countedAt + policy.seconds(for: Int64(Reputation.start - storedScore))
    }

    /// Seconds since ``countedAt``, no more than the whole range takes at the slowest.
    private func elapsed(until now: UnixTime) -> Int64 {
        let longest = Int64(Reputation.start - Reputation.worst) * ReputationPolicy.recoverySeconds
        return min(max(0, now.seconds - countedAt.seconds), longest)
    }
}
