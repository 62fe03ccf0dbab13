import GateModel
import GateStore

extension StoreContract {
    static let settings = [
        Case("a fresh store has defaults only") { subject in
            try await expect(subject.store.settings().isEmpty, "nothing is set")
            try await expect(subject.store.values()[NodeSettings.accessDefault] == .deny, "access is locked down")
        },
        Case("a setting is read as it was set, with its version, moment and author") { subject in
            let row = try await subject.store.set("relay.hops", to: "3", by: "operator", expecting: nil)
            try expect(row.version == 1 && row.value == "3" && row.changedBy == "operator", "the row says what was set")
            try expect(row.changedAt.seconds == subject.clock.read() / 1000, "the moment is the store's clock's")
            try await expect(subject.store.settings() == [row], "the listing has it")
            try await expect(subject.store.values()[NodeSettings.relayHops] == 3, "its typed value is read")
        },
        Case("an unknown setting and a bad value are refused and change nothing") { subject in
            for (key, value) in [("no.such", "1"), ("relay.hops", "9"), ("relay.hops", "x"), ("socks5.exit", "some")] {
                try await expectInvalid { _ = try await subject.store.set(key, to: value, by: "o", expecting: nil) }
            }
            try await expect(subject.store.settings().isEmpty, "nothing is set")
        },
        Case("a setting goes back to its default and keeps its history") { subject in
            _ = try await subject.store.set("relay.hops", to: "3", by: "a", expecting: 0)
            _ = try await subject.store.set("relay.hops", to: nil, by: "b", expecting: 1)
            try await expect(subject.store.values()[NodeSettings.relayHops] == 2, "the default is back")
            let history = try await subject.store.history(of: "relay.hops")
            try expect(history.map(\.version) == [2, 1] && history.map(\.value) == [nil, "3"], "newest first")
            try await expectInvalid { _ = try await subject.store.history(of: "no.such") }
        },
        Case("a setting changed meanwhile is a conflict") { subject in
            _ = try await subject.store.set("relay.hops", to: "3", by: "a", expecting: 0)
            try await expect(.conflict) {
                _ = try await subject.store.set("relay.hops", to: "4", by: "b", expecting: 0)
            }
            try await expect(subject.store.values()[NodeSettings.relayHops] == 3, "the first stays")
        },
        Case("the history of a setting is bounded") { subject in
            for hops in 0..<(StoreLimit.settingHistoryRows + 5) {
                _ = try await subject.store.set("relay.hops", to: String(hops % 9), by: "a", expecting: Int64(hops))
            }
            let count = try await subject.store.history(of: "relay.hops").count
            try expect(count == StoreLimit.settingHistoryRows, "the oldest versions go")
        },
    ]

    static let rights = [
        Case("rights are read as they were granted and none by default") { subject in
            try await expect(subject.store.rights(of: "socks5-1") == nil, "none by default")
            let granted = RightsRow(
                name: "socks5-1", extenders: [ShippedExtender.socks5], settingPrefixes: ["socks5."], mayConnect: true)
            try await subject.store.setRights(granted)
            try await expect(subject.store.rights(of: "socks5-1") == granted, "read as granted")
            let revoked = RightsRow(name: "socks5-1", isRevoked: true)
            try await subject.store.setRights(revoked)
            try await expect(subject.store.rights(of: "socks5-1") == revoked, "replaced as a whole")
            try await subject.store.removeRights(of: "socks5-1")
            try await expect(subject.store.rights(of: "socks5-1") == nil, "gone")
            try await expect(.notFound) { try await subject.store.removeRights(of: "socks5-1") }
        },
        Case("rights are listed in pages by name") { subject in
            for name in ["c", "a", "b"] { try await subject.store.setRights(RightsRow(name: name)) }
            let first = try await subject.store.allRights(after: nil, limit: 2).map(\.name)
            let rest = try await subject.store.allRights(after: "b", limit: 2).map(\.name)
            try expect(first == ["a", "b"] && rest == ["c"], "in order, none twice")
            try await expectInvalid { try await subject.store.setRights(RightsRow(name: "")) }
        },
    ]

    static let access = [
        Case("address rules are set, replaced, listed in order and removed") { subject in
            guard let ten = AddressRule(prefix: .v4(0x0a00_0000), length: 8, isAllowed: false),
                let tenAllowed = AddressRule(prefix: .v4(0x0a00_0000), length: 8, isAllowed: true),
                let six = AddressRule(prefix: .v6(0x2001_0db8_0000_0000, 0), length: 32, isAllowed: true)
            else { throw Violation(description: "rules with valid lengths are made") }
            try await subject.store.setAddressRule(six)
            try await subject.store.setAddressRule(ten)
            try await subject.store.setAddressRule(tenAllowed)
            try await expect(subject.store.addressRules() == [tenAllowed, six], "one rule a range")
            try await subject.store.removeAddressRule(ten)
            try await expect(subject.store.addressRules() == [six], "removed by range")
            try await expect(.notFound) { try await subject.store.removeAddressRule(ten) }
        }
    ]
}
