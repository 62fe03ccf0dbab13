import GateAccess
package import GateModel
package import GateStore

extension PostgresStore: ReputationStore {
    package func noteCharges(_ charges: [ReputationCharge]) async throws(StoreFailure) {
        let sums = try ReputationCharge.summed(charges)
        guard !sums.isEmpty else { return }
        let clock = now
        try await write { transaction, changes in
            let now = try moment(clock, in: transaction)
            let policy = try policy(in: transaction)
            let standing = try Standing(of: sums.map(\.subject), at: now, in: transaction)
            var (updated, inserted, banned): ([[PostgresValue]], [[PostgresValue]], [[PostgresValue]]) = ([], [], [])
            for charge in sums {
                let subject = charge.subject
                var reputation = standing.reputations[subject] ?? Reputation(at: now)
                reputation.charge(charge.points, at: now, policy)
                let values: [PostgresValue] = [
                    .text(subject.description), .integer(reputation.storedScore),
                    .integer(reputation.countedAt.seconds), .integer(reputation.forgivenAt(policy).seconds),
                ]
                if standing.reputations[subject] == nil { inserted.append(values) } else { updated.append(values) }
                let ban = BanRow.earned(by: subject, reputation, at: now, policy, standing: standing.bans[subject])
                guard let ban else { continue }
                banned.append(ban.values)
                changes.append(.changed(.bans, key: subject.description))
            }
            try transaction.executeAll(
                "UPDATE reputation SET score = $2, counted_at = $3, forgiven_at = $4 WHERE subject = $1", updated)
            // Somebody else's row of a subject is a failure of its own: the transaction runs again and finds it.
            try transaction.executeAll(
                "INSERT INTO reputation (subject, \(Reputation.columns), forgiven_at) VALUES ($1, $2, $3, $4)", inserted
            )
            try transaction.executeAll(putEarnedBan, banned)
            try prune(transaction, now: now, &changes)
        }
    }

    package func reputations(of subjects: [AccessSubject]) async throws(StoreFailure) -> [ReputationRow] {
        try checkCount(subjects.count, of: "subjects", atMost: StoreLimit.pageRows)
        return try await scores(
            "subject = ANY ($1) ORDER BY subject", { _, _ in [.texts(subjects.map(\.description))] }
        ).filter { $0.score < Reputation.start }
    }

    package func lowReputations(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [ReputationRow] {
        try await scores(
            """
            subject > $1 AND score + greatest(0, $2 - counted_at) * $3 / $4 <= 0 ORDER BY subject LIMIT $5
            """,
            { now, policy in
                [
                    .text(after?.description ?? ""), .integer(now.seconds), .integer(Int64(policy.recovery)),
                    .integer(Int64(ReputationPolicy.recoverySeconds)), .integer(pageLimit(limit)),
                ]
            })
    }

    package func ban(of subject: AccessSubject) async throws(StoreFailure) -> BanRow? {
        let sql = "SELECT \(BanRow.columns) FROM ban WHERE subject = $2 AND \(holds)"
        let rows = try await find(sql, [now, .text(subject.description)])
        do { return try rows.first { row in try BanRow(&row) } } catch { throw storeFailure(of: error) }
    }

    package func bans(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [BanRow] {
        let sql = "SELECT \(BanRow.columns) FROM ban WHERE subject > $2 AND \(holds) ORDER BY subject LIMIT $3"
        return try await list(sql, [now, .text(after?.description ?? ""), .integer(pageLimit(limit))]) { row in
            try BanRow(&row)
        }
    }

    package func setBan(_ order: BanOrder, by author: String) async throws(StoreFailure) -> BanRow {
        let clock = now
        return try await write { transaction, changes in
            // One at a time, so that the count is right.
            try transaction.execute("LOCK TABLE ban IN SHARE ROW EXCLUSIVE MODE")
            let now = try moment(clock, in: transaction)
            let ban = try order.row(by: author, at: now)
            try transaction.execute(putBan, ban.values)
            try transaction.execute("DELETE FROM ban WHERE until <= $1", [.integer(now.seconds)])
            let count = try transaction.execute("SELECT count(*) FROM ban WHERE NOT is_earned")
                .first { try $0.integer() }
            guard count ?? 0 <= StoreLimit.bans else { throw StoreFailure.quotaExceeded }
            changes.append(.changed(.bans, key: ban.subject.description))
            return ban
        }
    }

    package func liftBan(of subject: AccessSubject) async throws(StoreFailure) {
        let now = now
        try await write { transaction, changes in
            let name = PostgresValue.text(subject.description)
            let rows = try transaction.execute("DELETE FROM ban WHERE subject = $2 AND \(holds)", [now, name])
            guard rows.affectedCount > 0 else { throw StoreFailure.notFound }
            try transaction.execute("DELETE FROM reputation WHERE subject = $1", [name])
            changes.append(.changed(.bans, key: subject.description))
        }
    }

    /// Scores of now of the rows that a condition chooses.
    private func scores(
        _ condition: String, _ parameters: @escaping @Sendable (UnixTime, ReputationPolicy) -> [PostgresValue]
    ) async throws(StoreFailure) -> [ReputationRow] {
        let clock = now
        return try await consult { transaction in
            let now = try moment(clock, in: transaction)
            let policy = try policy(in: transaction)
            return try transaction.execute(
                "SELECT subject, \(Reputation.columns) FROM reputation WHERE \(condition)", parameters(now, policy)
            ).map { row in
                ReputationRow(subject: try AccessSubject(&row), score: try Reputation(&row).score(at: now, policy))
            }
        }
    }
}

/// What is known of some subjects; their reputations are locked against others.
private struct Standing {
    let reputations: [AccessSubject: Reputation]
    let bans: [AccessSubject: BanRow]

    init(of subjects: [AccessSubject], at now: UnixTime, in transaction: PostgresTransaction) throws {
        let names = PostgresValue.texts(subjects.map(\.description))
        let known = try transaction.execute(
            """
            SELECT subject, \(Reputation.columns) FROM reputation WHERE subject = ANY ($1) ORDER BY subject FOR UPDATE
            """, [names]
        ).map { row in (try AccessSubject(&row), try Reputation(&row)) }
        let standing = try transaction.execute(
            "SELECT \(BanRow.columns) FROM ban WHERE subject = ANY ($1) AND (until IS NULL OR until > $2)",
            [names, .integer(now.seconds)]
        ).map { row in try BanRow(&row) }
        reputations = Dictionary(uniqueKeysWithValues: known)
        bans = Dictionary(uniqueKeysWithValues: standing.map { ($0.subject, $0) })
    }
}

/// Of bans that hold: `$1` is the present.
private let holds = "(until IS NULL OR until > \(present("$1")) / 1000)"

private let putBan = """
    INSERT INTO ban (\(BanRow.columns)) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (subject) DO UPDATE SET since = excluded.since, until = excluded.until, reason = excluded.reason,
        author = excluded.author, is_earned = excluded.is_earned
    """

/// A ban that an operator gave meanwhile, and that holds as long or for good, stays.
private let putEarnedBan = "\(putBan) WHERE ban.until < excluded.until"

/// The present in seconds.
private func moment(_ clock: PostgresValue, in transaction: PostgresTransaction) throws -> UnixTime {
    let seconds = try transaction.execute("SELECT \(present("$1")) / 1000", [clock]).first { try $0.integer() }
    return UnixTime(seconds: seconds ?? 0)
}

/// What faults cost, as the settings in the same transaction say.
private func policy(in transaction: PostgresTransaction) throws -> ReputationPolicy {
    let rows = try transaction.execute(
        "SELECT \(SettingRow.columns) FROM setting_version WHERE key = $1 ORDER BY version DESC LIMIT 1",
        [.text(NodeSettings.reputationRecovery.definition.key)])
    return NodeSettingValues(rows: try rows.map { row in try SettingRow(&row) }).reputationPolicy
}

/// Forgets what is forgiven or ended, and beyond the bounds what would be soonest.
private func prune(_ transaction: PostgresTransaction, now: UnixTime, _ changes: inout [StoreChange]) throws {
    try transaction.execute("DELETE FROM reputation WHERE forgiven_at <= $1", [.integer(now.seconds)])
    try transaction.execute("DELETE FROM ban WHERE until <= $1", [.integer(now.seconds)])
    try transaction.execute(
        """
        DELETE FROM reputation WHERE subject IN (
            SELECT subject FROM reputation ORDER BY forgiven_at, subject
            LIMIT greatest(0, (SELECT count(*) FROM reputation) - $1))
        """, [.integer(StoreLimit.reputations)])
    let dropped = try transaction.execute(
        """
        DELETE FROM ban WHERE subject IN (
            SELECT subject FROM ban WHERE is_earned ORDER BY until, subject
            LIMIT greatest(0, (SELECT count(*) FROM ban WHERE is_earned) - $1))
        RETURNING subject
        """, [.integer(StoreLimit.bans)]
    ).map { try $0.text() }
    changes += dropped.map { .changed(.bans, key: $0) }
}
