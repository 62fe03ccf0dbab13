import Testing

@testable import GateSettings

/// One fault of every kind in one file: all of them in one answer, each with what, why and a right value.
@Suite struct SettingsFaultKinds {
    private func faults(_ yaml: String, _ environment: [String: String] = [:]) async -> [SettingsFault] {
        do throws(SettingsFaults) {
            _ = try await LocalSettings.load(
                yaml: yaml, directory: "/nowhere", environment: environment, filesNeeded: .kernel)
            return []
        } catch {
            return error.faults
        }
    }

    static let file = """
        node:
          workers: 11
        peers:
          lisen: ["[::]:7700"]
          listen: []
          advertise: ["node.example.org:7700", "node.example.org", "x:99999"]
          proxyFrom: ["10.0.0.0/24", "10.0.0.0/33"]
          sharedSecretFile: gone
        kernel:
          eventLoops: many
          admin: 10.0.0.1:7730
          link: [1]
        database:
          kind: postgresql
          kind: sqlite
        socks5: yes
        log:
          level: loud
        extenders: { UPPER: /bin/x, Other: /bin/y }
        node: { worker: 2 }
        nonsense: 1

        """

    @Test func `are told in one answer`() async {
        let found = await faults(SettingsFaultKinds.file, ["QUANTUMGATE_LOG_FORMAT": "xml", "QUANTUMGATE_LOK": "1"])
        let reasons = Dictionary(grouping: found, by: \.key).mapValues { $0.map(\.reason).joined(separator: " | ") }

        let kinds: [(kind: String, key: String, reason: String)] = [
            ("out of range", "node.workers", "'11' is no number from 1 to 10"),
            ("unknown key", "peers.lisen", "is no key; did you mean peers.listen?"),
            ("unknown key", "nonsense", "is no key"),
            ("unknown key, in what is there twice", "node.worker", "is no key; did you mean node.workers?"),
            ("key there twice", "node", "is there twice"),
            ("key there twice, in a section", "database.kind", "is there twice"),
            ("contradiction", "database.url", "is missing, as database.kind is postgresql"),
            ("nothing where something must be", "peers.listen", "is empty"),
            (
                "bad list members", "peers.advertise",
                "'node.example.org' is no host and port; an IPv6 address stands in brackets; "
                    + "'x:99999' is no host and port; an IPv6 address stands in brackets"
            ),
            (
                "bad block", "peers.proxyFrom",
                "'10.0.0.0/33' is no block of addresses; its bits behind the length are zero"
            ),
            ("missing file", "peers.sharedSecretFile", "there is no readable file /nowhere/gone"),
            ("wrong type", "kernel.eventLoops", "'many' is no number from 0 to 256"),
            ("list for a value", "kernel.link", "takes one value"),
            (
                "contradiction of two sections", "kernel.admin",
                "'10.0.0.1:7730' is not on this machine; metrics and health are for 127.0.0.1 or ::1 only, "
                    + "unless admin.exposed is true"
            ),
            ("value for a section", "socks5", "is a section with keys of its own, not a value"),
            (
                "bad level", "log.level",
                "'loud' is none of: trace, debug, info, notice, warning, error, critical"
            ),
            (
                "bad names", "extenders",
                "'Other' is no name: lower-case letters, digits and hyphens, 32 at most; "
                    + "'UPPER' is no name: lower-case letters, digits and hyphens, 32 at most"
            ),
            ("bad variable", "QUANTUMGATE_LOG_FORMAT", "'xml' is none of: text, json"),
        ]
        for (kind, key, reason) in kinds { #expect(reasons[key] == reason, "\(kind)") }
        #expect(reasons.keys.contains("QUANTUMGATE_LOK"))
        #expect(found.count == kinds.count + 1, "nothing else")
        #expect(found.allSatisfy { !$0.example.isEmpty })
    }

    @Test func `a contradiction is told beside the faults of other keys`() async {
        let found = await faults("database:\n  kind: postgresql\nnode: { workers: 0 }\n")
        #expect(found.map(\.key).sorted() == ["database.url", "node.workers"])
    }

    @Test func `a key that is there three times is told twice, its values are looked at`() async {
        let found = await faults("log:\n  level: a\n  # between\n\n  level: b\n  format: x\n  level: c\n")
        #expect(found.map(\.key).sorted() == ["log.format", "log.level", "log.level", "log.level"])
    }

    @Test func `a list whose items are as far left as its key goes with it`() async {
        let found = await faults("peers:\n  listen:\n  - a\n  listen:\n  - b\n  newestVersion: 9\n")
        #expect(found.map(\.key).sorted() == ["peers.listen", "peers.listen", "peers.newestVersion"])
    }

    @Test func `a name of a map that is there twice is told by its path`() async {
        let found = await faults("extenders:\n  chat: /bin/a\n  chat: /bin/b\nlog: { level: loud }\n")
        #expect(found.map(\.key).sorted() == ["extenders.chat", "log.level"])
    }

    @Test func `where lines don't tell, the key is named and no content shown`() async {
        let found = await faults("log: { level: secret, level: b }\n")
        #expect(found.map(\.key) == ["level"])
        #expect(found.allSatisfy { $0.reason == "is there twice in line 1; nothing else was looked at" })
    }

    @Test func `repeated keys without end are read to a bound`() async {
        let found = await faults(String(repeating: "log: {}\n", count: 500))
        #expect(found.count == SettingsTree.repeatsMax)
    }
}
