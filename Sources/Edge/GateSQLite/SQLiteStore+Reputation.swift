import Foundation
import GRDB
import GateAccess
package import GateModel
package import GateStore

extension SQLiteStore: ReputationStore {
    package func noteCharges(_ charges: [ReputationCharge]) async throws(StoreFailure) {
        let sums = try ReputationCharge.summed(charges)
        guard !sums.isEmpty else { return }
        let now = now
        try await write { db, changes in
            let policy = try policy(in: db)
            for charge in sums {
                let subject = charge.subject
                var reputation = try fetch(subject, in: db) ?? Reputation(at: now)
                reputation.charge(charge.points, at: now, policy)
                try store(reputation, of: subject, policy, in: db)
                let standing = try fetchBan(of: subject, in: db, now: now)
                guard let ban = BanRow.earned(by: subject, reputation, at: now, policy, standing: standing)
                else { continue }
                try store(ban, in: db)
                changes.append(.changed(.bans, key: subject.description))
            }
            try prune(db, now: now, &changes)
        }
    }

    package func reputations(of subjects: [AccessSubject]) async throws(StoreFailure) -> [ReputationRow] {
        try checkCount(subjects.count, of: "subjects", atMost: StoreLimit.pageRows)
        let now = now
        return try await read { db in
            let policy = try policy(in: db)
            let marks = databaseQuestionMarks(count: subjects.count)
            return try Row.fetchAll(
                db, sql: "SELECT * FROM reputation WHERE subject IN (\(marks)) ORDER BY subject",
                arguments: StatementArguments(subjects.map(\.description))
            ).map { try ReputationRow(row: $0, at: now, policy) }
                .filter { $0.score < Reputation.start }
        }
    }

    package func lowReputations(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [ReputationRow] {
        let now = now
        return try await read { db in
            let policy = try policy(in: db)
            return try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM reputation
                    WHERE subject > :after AND score + max(0, :now - counted_at) * :points / :seconds <= 0
                    ORDER BY subject LIMIT :limit
                    """,
                arguments: [
                    "after": after?.description ?? "", "now": now.seconds, "points": policy.recovery,
                    "seconds": ReputationPolicy.recoverySeconds, "limit": pageLimit(limit),
                ]
            ).map { try ReputationRow(row: $0, at: now, policy) }
        }
    }

    package func ban(of subject: AccessSubject) async throws(StoreFailure) -> BanRow? {
        let now = now
        return try await read { db in try fetchBan(of: subject, in: db, now: now) }
    }

    package func bans(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [BanRow] {
        let now = now
        return try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM ban WHERE subject > ? AND (until IS NULL OR until > ?) ORDER BY subject LIMIT ?
                    """,
                arguments: [after?.description ?? "", now.seconds, pageLimit(limit)]
            ).map(BanRow.init(row:))
        }
    }

    package func setBan(_ order: BanOrder, by author: String) async throws(StoreFailure) -> BanRow {
        let now = now
        let ban = try order.row(by: author, at: now)
        return try await write { db, changes in
            try store(ban, in: db)
            try db.execute(sql: "DELETE FROM ban WHERE until <= ?", arguments: [now.seconds])
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM ban WHERE is_earned = 0") ?? 0
            guard count <= StoreLimit.bans else { throw StoreFailure.quotaExceeded }
            changes.append(.changed(.bans, key: ban.subject.description))
            return ban
        }
    }

    package func liftBan(of subject: AccessSubject) async throws(StoreFailure) {
        let now = now
        try await write { db, changes in
            guard try fetchBan(of: subject, in: db, now: now) != nil else { throw StoreFailure.notFound }
            for table in ["ban", "reputation"] {
                try db.execute(sql: "DELETE FROM \(table) WHERE subject = ?", arguments: [subject.description])
            }
            changes.append(.changed(.bans, key: subject.description))
        }
    }
}

/// What faults cost, as the settings in the same transaction say.
private func policy(in db: Database) throws -> ReputationPolicy {
    let rows = try Row.fetchAll(
        db, sql: "SELECT * FROM setting_version WHERE key = ? ORDER BY version DESC LIMIT 1",
        arguments: [NodeSettings.reputationRecovery.definition.key])
    return NodeSettingValues(rows: rows.map(SettingRow.init(row:))).reputationPolicy
}

private func fetch(_ subject: AccessSubject, in db: Database) throws -> Reputation? {
    try Row.fetchOne(db, sql: "SELECT * FROM reputation WHERE subject = ?", arguments: [subject.description])
        .map(Reputation.init(row:))
}

private func store(
    _ reputation: Reputation, of subject: AccessSubject, _ policy: ReputationPolicy, in db: Database
) throws {
    try db.execute(
        sql: "INSERT OR REPLACE INTO reputation (subject, score, counted_at, forgiven_at) VALUES (?, ?, ?, ?)",
        arguments: [
            subject.description, reputation.storedScore, reputation.countedAt.seconds,
            reputation.forgivenAt(policy).seconds,
        ])
}

private func fetchBan(of subject: AccessSubject, in db: Database, now: UnixTime) throws -> BanRow? {
    try Row.fetchOne(
        db, sql: "SELECT * FROM ban WHERE subject = ? AND (until IS NULL OR until > ?)",
        arguments: [subject.description, now.seconds]
    ).map(BanRow.init(row:))
}

/// Writes a ban in place of one that stands.
func store(_ ban: BanRow, in db: Database) throws {
    try db.execute(
        sql: "INSERT OR REPLACE INTO ban (subject, since, until, reason, author, is_earned) VALUES (?, ?, ?, ?, ?, ?)",
        arguments: [
            ban.subject.description, ban.since.seconds, ban.until?.seconds, ban.reason, ban.author, ban.isEarned,
        ])
}

/// Forgets what is forgiven or ended, and beyond the bounds what would be soonest.
private func prune(_ db: Database, now: UnixTime, _ changes: inout [StoreChange]) throws {
    try db.execute(sql: "DELETE FROM reputation WHERE forgiven_at <= ?", arguments: [now.seconds])
    try db.execute(sql: "DELETE FROM ban WHERE until <= ?", arguments: [now.seconds])
    let reputations = try Int.fetchOne(db, sql: "SELECT count(*) FROM reputation") ?? 0
    if reputations > StoreLimit.reputations {
        try db.execute(
            sql: """
                DELETE FROM reputation WHERE subject IN
                (SELECT subject FROM reputation ORDER BY forgiven_at, subject LIMIT ?)
                """,
            arguments: [reputations - StoreLimit.reputations])
    }
    let earned = try Int.fetchOne(db, sql: "SELECT count(*) FROM ban WHERE is_earned = 1") ?? 0
    guard earned > StoreLimit.bans else { return }
    let excess = try String.fetchAll(
        db, sql: "SELECT subject FROM ban WHERE is_earned = 1 ORDER BY until, subject LIMIT ?",
        arguments: [earned - StoreLimit.bans])
    for subject in excess {
        try db.execute(sql: "DELETE FROM ban WHERE subject = ?", arguments: [subject])
        changes.append(.changed(.bans, key: subject))
    }
}
