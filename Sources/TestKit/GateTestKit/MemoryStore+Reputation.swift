import GateAccess
package import GateModel
package import GateStore

extension MemoryStore: ReputationStore {
    package func noteCharges(_ charges: [ReputationCharge]) async throws(StoreFailure) {
        let policy = NodeSettingValues(rows: settings()).reputationPolicy
        var changed: [StoreChange] = []
        for charge in try ReputationCharge.summed(charges) {
            var reputation = reputations[charge.subject] ?? Reputation(at: now)
            reputation.charge(charge.points, at: now, policy)
            reputations[charge.subject] = reputation
            let standing = ban(of: charge.subject)
            guard
                let ban = BanRow.earned(by: charge.subject, reputation, at: now, policy, standing: standing)
            else { continue }
            bans[charge.subject] = ban
            changed.append(.changed(.bans, key: ban.subject.description))
        }
        prune(policy, &changed)
        await hub.publish(changed)
    }

    package func reputations(of subjects: [AccessSubject]) throws(StoreFailure) -> [ReputationRow] {
        try checkCount(subjects.count, of: "subjects", atMost: StoreLimit.pageRows)
        return rows(Set(subjects).compactMap { subject in reputations[subject].map { (subject, $0) } })
            .filter { $0.score < Reputation.start }
    }

    package func lowReputations(after: AccessSubject?, limit: Int) -> [ReputationRow] {
        let low = rows(reputations.map { ($0.key, $0.value) }).filter { row in
            row.score <= 0 && (after.map { row.subject.description > $0.description } ?? true)
        }
        return Array(low.prefix(pageLimit(limit)))
    }

    package func ban(of subject: AccessSubject) -> BanRow? {
        bans[subject].flatMap { $0.holds(at: now) ? $0 : nil }
    }

    package func bans(after: AccessSubject?, limit: Int) -> [BanRow] {
        let rows = bans.values.filter { row in
            row.holds(at: now) && (after.map { row.subject.description > $0.description } ?? true)
        }
        return Array(rows.sorted { $0.subject.description < $1.subject.description }.prefix(pageLimit(limit)))
    }

    package func setBan(_ order: BanOrder, by author: String) async throws(StoreFailure) -> BanRow {
        let row = try order.row(by: author, at: now)
        let others = bans.values.count { $0.holds(at: now) && !$0.isEarned && $0.subject != row.subject }
        guard others < StoreLimit.bans else { throw .quotaExceeded }
        bans[row.subject] = row
        await hub.publish([.changed(.bans, key: row.subject.description)])
        return row
    }

    package func liftBan(of subject: AccessSubject) async throws(StoreFailure) {
        guard ban(of: subject) != nil else { throw .notFound }
        bans[subject] = nil
        reputations[subject] = nil
        await hub.publish([.changed(.bans, key: subject.description)])
    }

    private func rows(_ found: [(AccessSubject, Reputation)]) -> [ReputationRow] {
        let policy = NodeSettingValues(rows: settings()).reputationPolicy
        return found.map { ReputationRow(subject: $0.0, score: $0.1.score(at: now, policy)) }
            .sorted { $0.subject.description < $1.subject.description }
    }

    private func prune(_ policy: ReputationPolicy, _ changed: inout [StoreChange]) {
        let now = now
        reputations = reputations.filter { $0.value.forgivenAt(policy) > now }
        bans = bans.filter { $0.value.holds(at: now) }
        if reputations.count > StoreLimit.reputations {
            let excess = reputations.sorted { $0.value.forgivenAt(policy) < $1.value.forgivenAt(policy) }
                .prefix(reputations.count - StoreLimit.reputations)
            for (subject, _) in excess { reputations[subject] = nil }
        }
        let earned = bans.values.filter(\.isEarned)
        guard earned.count > StoreLimit.bans else { return }
        let soonest = earned.sorted {
            ($0.until ?? now, $0.subject.description) < ($1.until ?? now, $1.subject.description)
        }
        for ban in soonest.prefix(earned.count - StoreLimit.bans) {
            bans[ban.subject] = nil
            changed.append(.changed(.bans, key: ban.subject.description))
        }
    }
}
