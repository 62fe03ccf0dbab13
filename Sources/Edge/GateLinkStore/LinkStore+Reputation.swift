import Foundation
package import GateModel
package import GateStore

extension LinkStore: ReputationStore {
    package func noteCharges(_ charges: [ReputationCharge]) async throws(StoreFailure) {
        try checkCount(charges.count, of: "charges", atMost: StoreLimit.batchRows)
        for charge in charges { try charge.check() }
        var body = WireCharges()
        body.charges = charges.map(WireCharge.init)
        try await tell(.reputationNote, body)
    }

    package func reputations(of subjects: [AccessSubject]) async throws(StoreFailure) -> [ReputationRow] {
        var body = WireSubjects()
        body.subjects = subjects.map(\.description)
        return try rows(await ask(.reputationGet, body))
    }

    package func lowReputations(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [ReputationRow] {
        try rows(await ask(.reputationList, page(after, limit)))
    }

    package func ban(of subject: AccessSubject) async throws(StoreFailure) -> BanRow? {
        try await find(.bansGet, named(subject.description), as: WireBan.self)?.row()
    }

    package func bans(after: AccessSubject?, limit: Int) async throws(StoreFailure) -> [BanRow] {
        let bans = try await ask(.bansList, page(after, limit), as: WireBans.self).bans
        return try converted(bans) { ban throws(StoreFailure) in try ban.row() }
    }

    /// The author is the caller's link name, whatever is said here.
    package func setBan(_ order: BanOrder, by author: String) async throws(StoreFailure) -> BanRow {
        try await ask(.bansSet, WireSetBan(order), as: WireBan.self).row()
    }

    package func liftBan(of subject: AccessSubject) async throws(StoreFailure) {
        try await tell(.bansLift, named(subject.description))
    }

    private func rows(_ reply: WireReputations) throws(StoreFailure) -> [ReputationRow] {
        try converted(reply.reputations) { row throws(StoreFailure) in try row.row() }
    }

    private func page(_ after: AccessSubject?, _ limit: Int) -> WirePage {
        var body = WirePage()
        if let after { body.after = Data(after.description.utf8) }
        body.limit = UInt32(clamping: limit)
        return body
    }
}
