import GateModel
import GateStore
import Testing

@Suite struct TheSettingsCatalogue {
    @Test(arguments: NodeSettings.all)
    func `every setting takes its own default and example`(definition: SettingDefinition) throws {
        try definition.check(definition.fallback)
        try definition.check(definition.example)
        #expect(definition.doc.hasSuffix("."))
    }

    @Test func `keys are unique and sorted`() {
        let keys = NodeSettings.all.map(\.key)
        #expect(keys == Set(keys).sorted())
    }

    @Test(arguments: ["250ms", "30s", "10m", "24h", "0s"])
    func `a duration survives its text form`(text: String) {
        #expect(Duration.read(text)?.settingText == text)
    }

    @Test(arguments: ["", "s", "-1s", "1", "1d", "99999999999999999999s", "1 s", "٣s"])
    func `text that is no duration is refused`(text: String) {
        #expect(Duration.read(text) == nil)
    }

    @Test(arguments: [
        ("ml-kem-1024", ["ml-kem-1024"]), ("ml-kem-1024,ml-kem-768", ["ml-kem-1024", "ml-kem-768"]),
        ("ml-kem-768, ml-kem-1024", ["ml-kem-768", "ml-kem-1024"]),
    ])
    func `a list of preferences keeps its order`(text: String, expected: [String]) throws {
        try NodeSettings.suiteKEM.definition.check(text)
        let row = SettingRow(
            key: "suite.kem", value: text, version: 1, changedAt: UnixTime(seconds: 0), changedBy: "test")
        #expect(NodeSettingValues(rows: [row]).suiteNames.kems == expected)
        #expect(Preference<KEMChoice>.read(text)?.settingText == expected.joined(separator: ","))
    }

    @Test(arguments: [
        "", ",", "sha-256,", "sha-256,sha-256", "sha-1", "sha-256 sha-512", "sha-256,sha-512,blake2b,sha-256",
    ])
    func `a list without a right value, or with one twice, is refused with the reason`(text: String) {
        let reason =
            "suite.hash takes one or more of sha-256, sha-512, blake2b, each once, the favourite first, "
            + "separated by commas, for example blake2b,sha-512,sha-256"
        #expect(throws: StoreFailure.invalid(reason)) { try NodeSettings.suiteHash.definition.check(text) }
    }

    @Test func `a bad value is refused with a right one`() {
        #expect(throws: StoreFailure.invalid("relay.hops takes a number from 0 to 8, for example 2")) {
            try NodeSettings.relayHops.definition.check("9")
        }
    }
}

@Suite struct AddressRules {
    @Test func `a rule with bits behind its length or too long a length is none`() {
        #expect(AddressRule(prefix: .v4(0x0a00_0001), length: 8, isAllowed: true) == nil)
        #expect(AddressRule(prefix: .v4(0), length: 33, isAllowed: true) == nil)
        #expect(AddressRule(prefix: .v4(0), length: 0, isAllowed: true) != nil)
    }

    @Test func `a rule contains its range of its own family only`() throws {
        let rule = try #require(AddressRule(prefix: .v4(0x0a80_0000), length: 9, isAllowed: true))
        #expect(rule.contains(.v4(0x0aff_ffff)))
        #expect(!rule.contains(.v4(0x0a7f_ffff)))
        #expect(!rule.contains(.v6(0, 0x0a80_0000)))
    }
}

@Suite struct GrantedRights {
    private let existing = RightsRow(
        name: "extender/x/y", extenders: [ShippedExtender.socks5], settingPrefixes: ["socks5."], mayConnect: true,
        isRevoked: true)

    @Test func `granting again keeps what was granted and a revocation`() {
        let again = RightsRow(name: "extender/x/y", extenders: [ShippedExtender.socks5], settingPrefixes: ["relay."])
            .added(to: existing)
        #expect(again.settingPrefixes == ["relay.", "socks5."])
        #expect(again.mayConnect)
        #expect(again.isRevoked)
    }

    @Test func `a revocation goes only when it is taken back`() {
        let fresh = RightsRow(name: "extender/x/y", extenders: [ShippedExtender.socks5])
        #expect(!fresh.added(to: existing, restoring: true).isRevoked)
        #expect(fresh.added(to: nil) == fresh)
    }
}
