package import GateAccess
package import GateModel

/// What somebody did wrong, as points off its reputation.
package struct ReputationCharge: Sendable, Hashable {
    /// A node, or what one host commands (`AccessSubject.host`).
    package let subject: AccessSubject
    /// Points, from 1 to the whole range of a reputation.
    package let points: Int

    package init(subject: AccessSubject, points: Int) {
        self.subject = subject
        self.points = points
    }

    /// The most points of one charge: from the best reputation to the worst.
    package static let pointsMax = Reputation.start - Reputation.worst

    /// Throws what rule the charge breaks.
    package func check() throws(StoreFailure) {
        guard (1...ReputationCharge.pointsMax).contains(points) else {
            throw .invalid("a charge has 1 to \(ReputationCharge.pointsMax) points")
        }
        guard subject.hasReputation else {
            throw .invalid("a reputation is a node's, an IPv4 address's or an IPv6 /64's")
        }
    }

    /// One checked charge for each subject of a batch, in the order of the subjects' texts.
    package static func summed(_ charges: [ReputationCharge]) throws(StoreFailure) -> [ReputationCharge] {
        try checkCount(charges.count, of: "charges", atMost: StoreLimit.batchRows)
        var sums: [AccessSubject: Int] = [:]
        for charge in charges {
            try charge.check()
            sums[charge.subject] = min(pointsMax, sums[charge.subject, default: 0] + charge.points)
        }
        return sums.map { ReputationCharge(subject: $0.key, points: $0.value) }
            .sorted { $0.subject.description < $1.subject.description }
    }
}

/// Somebody's reputation at the moment of asking.
package struct ReputationRow: Sendable, Equatable {
    package let subject: AccessSubject
    /// From `Reputation.worst` to `Reputation.start`; acceptable above 0.
    package let score: Int

    package init(subject: AccessSubject, score: Int) {
        self.subject = subject
        self.score = score
    }
}

/// A ban: its subject gets no session with any worker, and those that stand end.
package struct BanRow: Sendable, Equatable {
    package let subject: AccessSubject
    /// Since when it holds.
    package let since: UnixTime
    /// When it ends, on the store's clock; `nil`: when it is lifted.
    package let until: UnixTime?
    /// Why, in a person's words or ours.
    package let reason: String
    /// Who gave it: a link name, or `reputation`.
    package let author: String
    /// Whether faults earned it. Such a ban has no effect while the setting `reputation.enabled` is off.
    package let isEarned: Bool

    package init(
        subject: AccessSubject, since: UnixTime, until: UnixTime?, reason: String, author: String, isEarned: Bool
    ) {
        self.subject = subject
        self.since = since
        self.until = until
        self.reason = reason
        self.author = author
        self.isEarned = isEarned
    }

    /// The author of earned bans.
    package static let earnedAuthor = "reputation"

    /// Whether it still holds.
    package func holds(at now: UnixTime) -> Bool { until.map { now < $0 } ?? true }

    /// The ban that a charged subject has earned: until its reputation is acceptable again. `nil` where it still is, or
    /// where a ban stands that ends no sooner.
    package static func earned(
        by subject: AccessSubject, _ reputation: Reputation, at now: UnixTime, _ policy: ReputationPolicy,
        standing: BanRow?
    ) -> BanRow? {
        guard reputation.score(at: now, policy) <= 0 else { return nil }
        let until = reputation.acceptableAt(policy)
        if let standing, standing.until.map({ $0 >= until }) ?? true { return nil }
        return BanRow(
            subject: subject, since: standing?.since ?? now, until: until, reason: "its reputation is used up",
            author: earnedAuthor, isEarned: true)
    }
}

/// A ban as an operator gives it.
package struct BanOrder: Sendable, Equatable {
    package let subject: AccessSubject
    /// How long it holds, in whole seconds of the store's clock; `nil`: until it is lifted.
    package let length: Duration?
    /// Why, for people; may be empty.
    package let reason: String

    package init(subject: AccessSubject, length: Duration? = nil, reason: String = "") {
        self.subject = subject
        self.length = length
        self.reason = reason
    }

    /// The longest that ends by itself: ten years.
    package static let lengthMax = Duration.seconds(315_360_000)

    /// The row that the order makes; throws what rule it breaks.
    package func row(by author: String, at now: UnixTime) throws(StoreFailure) -> BanRow {
        try checkLength(reason, of: "a reason", atMost: StoreLimit.reasonBytes)
        try checkLength(author, of: "an author", atMost: StoreLimit.nameBytes)
        if let length, length < .seconds(1) || length > BanOrder.lengthMax {
            throw .invalid("a ban lasts from one second to ten years, or until it is lifted")
        }
        return BanRow(
            subject: subject, since: now, until: length.map { now + $0.components.seconds }, reason: reason,
            author: author, isEarned: false)
    }
}

/// Reputations and bans, shared by all workers and outliving them. Reputations are not watched, bans are.
package protocol ReputationStore: Sendable {
    /// Takes points off, in one transaction, each off the score of now (`Reputation.charge`); at most
    /// `StoreLimit.batchRows` charges. Whose score falls to 0 or below is banned in the same transaction until it is
    /// acceptable again (`BanRow.earned`), and watchers are told. Asked twice, it charges twice.
    ///
    /// At most `StoreLimit.reputations` are remembered and `StoreLimit.bans` earned bans kept: beyond, those go first that
    /// time would forgive soonest.
    func noteCharges(_ charges: [ReputationCharge]) async throws(StoreFailure)

    /// Reputations of some subjects, at most `StoreLimit.pageRows`, in the order of their texts; who is not in the answer
    /// has `Reputation.start`.
    func reputations(of subjects: [AccessSubject]) async throws(StoreFailure) -> [ReputationRow]

    /// Those that are not acceptable, in the order of their texts, after `after`, at most `limit` (and
    /// `StoreLimit.pageRows`).
    func lowReputations(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [ReputationRow]

    /// The ban of exactly this subject; `nil` if there is none or it has ended.
    func ban(of subject: AccessSubject) async throws(StoreFailure) -> BanRow?

    /// Bans that hold, in the order of their subjects' texts, after `after`, at most `limit` (and `StoreLimit.pageRows`).
    func bans(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [BanRow]

    /// Bans somebody, in place of a ban that stands; tells watchers. At most `StoreLimit.bans` given ones hold at once,
    /// else `.quotaExceeded`.
    func setBan(_ order: BanOrder, by author: String) async throws(StoreFailure) -> BanRow

    /// Ends a ban and forgets the subject's faults, so that the next one does not bring it back; tells watchers.
    /// `.notFound` if none holds.
    func liftBan(of subject: AccessSubject) async throws(StoreFailure)
}

extension NodeSettingValues {
    /// What faults cost on this node.
    package var reputationPolicy: ReputationPolicy {
        var policy = ReputationPolicy()
        policy.minor = self[NodeSettings.reputationMinor]
        policy.moderate = self[NodeSettings.reputationModerate]
        policy.severe = self[NodeSettings.reputationSevere]
        policy.recovery = self[NodeSettings.reputationRecovery]
        return policy
    }
}
