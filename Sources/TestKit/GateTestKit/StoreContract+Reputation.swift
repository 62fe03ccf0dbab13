import GateAccess
import GateModel
import GateStore

extension StoreContract {
    private static let first = AccessSubject.node(node(1))
    private static let second = AccessSubject.node(node(2))
    private static let host = AccessSubject.host(.v4(0xcb00_7107))

    private static func charge(_ subject: AccessSubject, _ points: Int) -> ReputationCharge {
        ReputationCharge(subject: subject, points: points)
    }

    static let reputation = [
        Case("nobody has done anything wrong in a fresh store") { subject in
            try await expect(subject.store.reputations(of: [first, host]).isEmpty, "no reputations")
            try await expect(subject.store.lowReputations(after: nil, limit: 10).isEmpty, "none is low")
            try await expect(subject.store.bans(after: nil, limit: 10).isEmpty, "no bans")
            try await expect(subject.store.ban(of: first) == nil, "no ban of one")
        },
        Case("charges of one batch add up, and time forgives them without a write") { subject in
            try await subject.store.noteCharges([charge(first, 20), charge(host, 5), charge(first, 30)])
            let rows = try await subject.store.reputations(of: [first, second, host])
            try expect(
                rows == [ReputationRow(subject: first, score: 50), ReputationRow(subject: host, score: 95)],
                "100 less the points, in the order of the subjects' texts; who did nothing is not there")
            subject.clock.advance(by: .seconds(600))
            try await expect(subject.store.reputations(of: [first]).first?.score == 70, "20 come back in 600 s")
            subject.clock.advance(by: .seconds(86_400))
            try await expect(subject.store.reputations(of: [first]).isEmpty, "and no more than all of it")
        },
        Case("the settings say how fast faults are forgiven") { subject in
            _ = try await subject.store.set("reputation.recovery", to: "60", by: "a", expecting: nil)
            try await subject.store.noteCharges([charge(first, 90)])
            subject.clock.advance(by: .seconds(600))
            try await expect(subject.store.reputations(of: [first]).first?.score == 70, "60 come back in 600 s")
        },
        Case("a score has a floor") { subject in
            try await subject.store.noteCharges([charge(first, 3100), charge(first, 3100)])
            try await subject.store.noteCharges([charge(first, 3100)])
            try await expect(subject.store.reputations(of: [first]).first?.score == Reputation.worst, "the floor")
        },
        Case("who has no reputation left is banned until it has, and watchers are told") { subject in
            var changes = try await subject.store.changes(of: [.bans]).makeAsyncIterator()
            try await expect(changes.next() == .resynchronise, "a watch begins so")
            try await subject.store.noteCharges([charge(second, 99), charge(first, 200)])
            try await expect(changes.next() == .changed(.bans, key: first.description), "watchers are told of one")
            let ban = try await subject.store.ban(of: first)
            let now = subject.clock.read() / 1000
            // From -100 to 1 there are 101 points, 30 s each.
            try expect(ban?.until?.seconds == now + 3030 && ban?.since.seconds == now, "until it is acceptable")
            try expect(ban?.isEarned == true && ban?.author == "reputation", "it says where it comes from")
            try await expect(subject.store.bans(after: nil, limit: 10).map(\.subject) == [first], "it is listed")
            let low = try await subject.store.lowReputations(after: nil, limit: 10)
            try expect(low == [ReputationRow(subject: first, score: -100)], "so is the reputation")
            subject.clock.advance(by: .seconds(3029))
            try await expect(subject.store.ban(of: first) != nil, "to its last second")
            subject.clock.advance(by: .seconds(1))
            try await expect(subject.store.ban(of: first) == nil, "it ends by itself")
            try await expect(subject.store.bans(after: nil, limit: 10).isEmpty, "nor is it listed")
            try await expect(subject.store.lowReputations(after: nil, limit: 10).isEmpty, "it is acceptable")
            try await expect(subject.store.reputations(of: [first]).first?.score == 1, "just so")
        },
        Case("a further fault lengthens an earned ban") { subject in
            try await subject.store.noteCharges([charge(first, 200)])
            subject.clock.advance(by: .seconds(60))
            try await subject.store.noteCharges([charge(first, 10)])
            let ban = try await subject.store.ban(of: first)
            let now = subject.clock.read() / 1000
            try expect(ban?.until?.seconds == now - 60 + 3330 && ban?.since.seconds == now - 60, "ten points more")
        },
        Case("operators ban for a while or until further notice, and lift") { subject in
            var changes = try await subject.store.changes(of: [.bans]).makeAsyncIterator()
            try await expect(changes.next() == .resynchronise, "a watch begins so")
            let block = AccessSubject.block(AddressBlock(around: .v4(0xc000_0200), length: 24))
            let timed = try await subject.store.setBan(
                BanOrder(subject: block, length: .seconds(60), reason: "floods"), by: "operator")
            let open = try await subject.store.setBan(BanOrder(subject: first), by: "operator")
            let now = subject.clock.read() / 1000
            try expect(timed.until?.seconds == now + 60 && timed.reason == "floods", "as it was ordered")
            try expect(open.until == nil && !open.isEarned && open.author == "operator", "without an end")
            try await expect(changes.next() == .changed(.bans, key: "192.0.2.0/24"), "watchers are told")
            try await expect(changes.next() == .changed(.bans, key: first.description), "of each")
            try await expect(subject.store.bans(after: nil, limit: 10) == [open, timed].sorted(), "both are listed")
            try await expect(
                subject.store.bans(after: [open, timed].sorted()[0].subject, limit: 10).count == 1, "paged")
            try await subject.store.liftBan(of: first)
            try await expect(changes.next() == .changed(.bans, key: first.description), "of a lifted one, too")
            try await expect(.notFound) { try await subject.store.liftBan(of: first) }
            subject.clock.advance(by: .seconds(60))
            try await expect(subject.store.bans(after: nil, limit: 10).isEmpty, "the timed one ended by itself")
            try await expect(.notFound) { try await subject.store.liftBan(of: block) }
        },
        Case("the ban that ends later stands, and lifting one forgives") { subject in
            _ = try await subject.store.setBan(BanOrder(subject: first), by: "operator")
            _ = try await subject.store.setBan(BanOrder(subject: second, length: .seconds(60)), by: "operator")
            try await subject.store.noteCharges([charge(first, 200), charge(second, 200)])
            try await expect(subject.store.ban(of: first)?.isEarned == false, "one without an end stays")
            try await expect(subject.store.ban(of: second)?.isEarned == true, "a shorter one gives way")
            try await subject.store.liftBan(of: second)
            try await expect(subject.store.reputations(of: [second]).isEmpty, "its faults are forgotten")
            try await subject.store.noteCharges([charge(second, 20)])
            try await expect(subject.store.ban(of: second) == nil, "so that the next fault does not ban it")
        },
        Case("charges and bans that make no sense are refused and change nothing") { subject in
            let wide = AccessSubject.block(AddressBlock(around: .v4(0xc000_0200), length: 24))
            try await expectInvalid { try await subject.store.noteCharges([charge(first, 200), charge(wide, 1)]) }
            try await expectInvalid { try await subject.store.noteCharges([charge(first, 0)]) }
            try await expectInvalid { try await subject.store.noteCharges([charge(first, 3101)]) }
            let long = String(repeating: "x", count: StoreLimit.reasonBytes + 1)
            for order in [BanOrder(subject: first, length: .zero), BanOrder(subject: first, reason: long)] {
                try await expectInvalid { _ = try await subject.store.setBan(order, by: "operator") }
            }
            try await expect(subject.store.reputations(of: [first]).isEmpty, "nothing was charged")
            try await expect(subject.store.bans(after: nil, limit: 10).isEmpty, "nobody was banned")
        },
    ]
}

extension [BanRow] {
    fileprivate func sorted() -> [BanRow] { sorted { $0.subject.description < $1.subject.description } }
}
