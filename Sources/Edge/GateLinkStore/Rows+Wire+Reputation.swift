import GateModel
import GateStore

/// A subject in text form, in the one form that it has.
func subject(_ text: String) throws(StoreFailure) -> AccessSubject {
    guard let subject = AccessSubject(text: text) else {
        throw .invalid("a subject is a UUID, or a block of addresses without bits behind its length")
    }
    return subject
}

extension WireCharge {
    init(_ charge: ReputationCharge) {
        self.init()
        subject = charge.subject.description
        points = UInt32(clamping: charge.points)
    }

    func charge() throws(StoreFailure) -> ReputationCharge {
        ReputationCharge(subject: try GateLinkStore.subject(subject), points: Int(points))
    }
}

extension WireReputation {
    init(_ row: ReputationRow) {
        self.init()
        subject = row.subject.description
        score = Int64(row.score)
    }

    func row() throws(StoreFailure) -> ReputationRow {
        ReputationRow(subject: try GateLinkStore.subject(subject), score: Int(score))
    }
}

extension WireBan {
    init(_ row: BanRow) {
        self.init()
        subject = row.subject.description
        since = row.since.seconds
        if let until = row.until { self.until = until.seconds }
        reason = row.reason
        author = row.author
        isEarned = row.isEarned
    }

    func row() throws(StoreFailure) -> BanRow {
        BanRow(
            subject: try GateLinkStore.subject(subject), since: UnixTime(seconds: since),
            until: hasUntil ? UnixTime(seconds: until) : nil, reason: reason, author: author, isEarned: isEarned)
    }
}

extension WireSetBan {
    init(_ order: BanOrder) {
        self.init()
        subject = order.subject.description
        if let length = order.length { seconds = length.components.seconds }
        reason = order.reason
    }

    func order() throws(StoreFailure) -> BanOrder {
        guard !hasSeconds || seconds <= BanOrder.lengthMax.components.seconds else {
            throw .invalid("a ban lasts ten years at most, or until it is lifted")
        }
        return BanOrder(
            subject: try GateLinkStore.subject(subject), length: hasSeconds ? .seconds(seconds) : nil, reason: reason)
    }
}
