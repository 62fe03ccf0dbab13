import GateModel
import GateTelemetry
import Testing

@testable import GateSettings

@Suite struct LocalSettingsTests {
    private func load(_ yaml: String, _ environment: [String: String] = [:]) async throws -> LocalSettings {
        try await LocalSettings.load(yaml: yaml, directory: "/node", environment: environment, filesNeeded: [])
    }

    private func faults(_ yaml: String, _ environment: [String: String] = [:]) async -> [SettingsFault] {
        do throws(SettingsFaults) {
            _ = try await LocalSettings.load(
                yaml: yaml, directory: "/node", environment: environment, filesNeeded: [])
            return []
        } catch {
            return error.faults
        }
    }

    @Test(arguments: ["", "# nothing\n", "peers:\n"])
    func `an empty file gives the defaults`(yaml: String) async throws {
        #expect(try await load(yaml) == LocalSettings(directory: "/node"))
    }

    @Test func `what init writes reads back as what was written`() async throws {
        var settings = LocalSettings(directory: "/node")
        settings.derivePorts(from: 9_000)
        settings.peers.advertise = [Endpoint(host: "2001:db8::1", port: 9_000)]
        settings.peers.sharedSecretFile = "secrets/network.key"
        settings.peers.otherSecretFiles = [Self.node(1): "secrets/other \"key\"", Self.node(2): nil]
        settings.log.format = .json
        settings.peers.proxyFrom = [AddressBlock(text: "10.0.0.0/24"), AddressBlock(text: "2001:db8::/64")].compactMap(
            \.self)
        settings.kernel.advertise = .host("2001:db8::1", port: 7710)
        settings.admin.exposed = true
        settings.extenders = ["chat": "/bin/chat", "a-1": "b"]
        #expect(try await load(SettingsText.yaml(of: settings)) == settings)
        let defaults = LocalSettings(directory: "/node")
        #expect(try await load(SettingsText.yaml(of: defaults)) == defaults)
    }

    private static func node(_ number: UInt64) -> NodeUUID {
        NodeUUID(UUIDBytes(high: number << 16 | 0x8000, low: 1 << 63))
    }

    @Test(arguments: [
        "{ x: a }", "[a]", "a", "{ \(node(1)): '' }", "{ \(node(1)): [a] }",
        "{ aaaaaaaa-aaaa-8aaa-8aaa-aaaaaaaaaaaa: a, AAAAAAAA-AAAA-8AAA-8AAA-AAAAAAAAAAAA: b }",
    ])
    func `secrets of other networks are a file, or none, for each UUID`(text: String) async {
        #expect(await faults("peers:\n  otherSecretFiles: \(text)\n").map(\.key) == ["peers.otherSecretFiles"])
    }

    @Test func `a file with another network's secret that is not there is missed`() async {
        let yaml = "peers:\n  otherSecretFiles: { \(Self.node(1)): gone, \(Self.node(2)): none }\n"
        do throws(SettingsFaults) {
            _ = try await LocalSettings.load(yaml: yaml, directory: "/nowhere", environment: [:], filesNeeded: .kernel)
            Issue.record("nothing is missed")
        } catch {
            #expect(error.faults.map(\.key) == ["peers.otherSecretFiles.\(Self.node(1))"])
        }
    }

    @Test(arguments: ["a\"b", "a\\b", "a\nb", "tab\tnext\u{85}line\u{2028}", "bell\u{7}", "é/😀", "~", " a "])
    func `a path reads back as it was written, whatever is in it`(path: String) async throws {
        var settings = LocalSettings(directory: "/node")
        settings.database.path = path
        settings.extenders = ["chat": path]
        #expect(try await load(SettingsText.yaml(of: settings)) == settings)
    }

    @Test(arguments: ["peers", "kernel", "database", "log"])
    func `a section that is no section is a fault with a right example`(section: String) async throws {
        for yaml in ["\(section):\n  - listen: [\"127.0.0.1:7700\"]\n", "\(section): [1, 2]\n", "\(section): x\n"] {
            let found = await faults(yaml)
            #expect(found.map(\.key) == [section])
            let example = try #require(found.first?.example)
            _ = try await load(example)
        }
    }

    @Test(arguments: ["127.example.org:7730", "127.0.0.1.example.org:7730", "10.0.0.1:7730", "[::]:7730"])
    func `metrics listen on loopback addresses only, by address and not by spelling`(endpoint: String) async {
        let found = await faults("kernel:\n  admin: \"\(endpoint)\"\n")
        #expect(found.map(\.key) == ["kernel.admin"])
    }

    @Test(arguments: ["127.0.0.1:7730", "127.1.2.3:7730", "[::1]:7730", "localhost:7730"])
    func `every loopback address is taken for metrics`(endpoint: String) async throws {
        _ = try await load("kernel:\n  admin: \"\(endpoint)\"\n")
    }

    @Test func `metrics listen anywhere where the operator exposes them`() async throws {
        let settings = try await load("kernel:\n  admin: \"0.0.0.0:7730\"\nadmin:\n  exposed: true\n")
        #expect(settings.kernel.admin.host == "0.0.0.0")
    }

    private static let neededFiles: [(NeededFiles, [String])] = [
        (.database, ["database.vaultKeyFile", "database.passwordFile"]), (.tables, ["database.passwordFile"]),
        (.kernel, ["peers.sharedSecretFile"]), (.supervisor, ["extenders.chat"]), ([], []),
        (.all, ["database.vaultKeyFile", "database.passwordFile", "peers.sharedSecretFile", "extenders.chat"]),
    ]

    @Test(arguments: neededFiles)
    func `a program misses only the files that it opens itself`(needed: NeededFiles, keys: [String]) async {
        let yaml = "peers:\n  sharedSecretFile: none\nextenders: { chat: /none }\ndatabase:\n  passwordFile: none\n"
        var found: [String] = []
        do throws(SettingsFaults) {
            _ = try await LocalSettings.load(yaml: yaml, directory: "/nowhere", environment: [:], filesNeeded: needed)
        } catch {
            found = error.faults.map(\.key)
        }
        #expect(found == keys)
    }

    @Test(arguments: [
        ("10.0.0.9", "10.0.0.9:7710"), ("kernel.example.org:99", "kernel.example.org:99"),
        ("2001:db8::1", "[2001:db8::1]:7710"), ("[2001:db8::1]:99", "[2001:db8::1]:99"),
    ])
    func `extenders are told the address that the operator says`(text: String, told: String) async throws {
        let settings = try await load("kernel:\n  advertise: \"\(text)\"\n")
        let bound = Endpoint(host: "0.0.0.0", port: 7710)
        #expect("\(settings.kernel.advertise.endpoint(bound: bound, routed: nil, machine: []))" == told)
        #expect(settings.kernel.advertise.text == text)
    }

    private static let everywhere: [(String, String?, [String], String)] = [
        ("127.0.0.1", nil, ["10.0.0.5"], "127.0.0.1"), ("0.0.0.0", "10.0.0.5", ["10.9.0.1"], "10.0.0.5"),
        ("0.0.0.0", "127.0.0.1", ["127.0.0.1", "169.254.1.1", "10.9.0.1"], "10.9.0.1"),
        ("0.0.0.0", nil, ["2001:db8::1", "127.0.0.1"], "127.0.0.1"), ("0.0.0.0", nil, [], "127.0.0.1"),
        ("::", "2001:db8::1", ["10.9.0.1"], "2001:db8::1"), ("::", nil, ["fe80::1", "10.9.0.1"], "10.9.0.1"),
    ]

    @Test(arguments: everywhere)
    func `extenders are told where a worker is that listens everywhere`(
        bound: String, routed: String?, machine: [String], told: String
    ) {
        let endpoint = LinkAdvertisement.auto.endpoint(
            bound: Endpoint(host: bound, port: 7710), routed: routed.flatMap { IPAddress(text: $0) },
            machine: machine.compactMap { IPAddress(text: $0) })
        #expect(endpoint == Endpoint(host: told, port: 7710))
    }

    @Test func `every key's example is a value that the key takes`() async throws {
        for key in SettingsKey.all {
            let parts = key.path.split(separator: ".")
            let yaml = parts.count == 1 ? "\(key.path): \(key.example)" : "\(parts[0]):\n  \(parts[1]): \(key.example)"
            _ = try await load(yaml)
        }
    }

    @Test func `the environment stands over the file`() async throws {
        let settings = try await load(
            "peers:\n  listen: [\"1.2.3.4:1\"]\nlog:\n  level: debug\n",
            ["QUANTUMGATE_PEERS_LISTEN": "5.6.7.8:2, [::1]:3", "QUANTUMGATE_KERNEL_EVENT_LOOPS": "3"])
        #expect(settings.peers.listen == [Endpoint(host: "5.6.7.8", port: 2), Endpoint(host: "::1", port: 3)])
        #expect(settings.kernel.eventLoops == 3)
        #expect(settings.log.level == .debug)
    }

    @Test func `everything that is wrong is told at once`() async {
        let faults = await faults(
            """
            peers:
              listen: 7700
              lisen: []
            kernel:
              eventLoops: many
              admin: 10.0.0.1:7730
            nonsense: 1
            log: loud
            """, ["QUANTUMGATE_LOG_LEVEL": "loud", "QUANTUMGATE_KERNEL_LNK": "x", "QUANTUMGATE_DIR": "/ok"])
        #expect(
            faults.map(\.key).sorted() == [
                "QUANTUMGATE_KERNEL_LNK", "QUANTUMGATE_LOG_LEVEL", "kernel.admin", "kernel.eventLoops", "log",
                "nonsense", "peers.lisen", "peers.listen",
            ])
    }

    @Test func `a fault tells key, reason and an example`() async {
        let all = await faults("peers:\n  lisen: []\n")
        #expect(
            all.first?.description
                == "peers.lisen: is no key; did you mean peers.listen? "
                + "(for example: peers.listen: [\"0.0.0.0:7700\", \"[::]:7700\"])")
    }

    @Test(arguments: [
        "a: [", "- 1\n- 2\n", "just text", "peers: 3", "peers:\n  listen: [[1]]\n", "peers:\n  listen: []\n",
        "extenders:\n  UPPER: /bin/x\n", "log:\n  level: [info]\n", "node:\n  workers: 11\n", "a: &a [*a]\n",
        "socks5:\n  enabled: maybe\n", "peers:\n  listen: [\"[::]:77000\"]\n",
    ])
    func `a wrong file is refused with a reason`(yaml: String) async {
        #expect(await !faults(yaml).isEmpty)
    }

    @Test func `a missing file is told by the path`() async {
        await #expect(throws: SettingsFaults.self) {
            try await LocalSettings.load(directory: "/nowhere/at/all", environment: [:])
        }
    }

    @Test func `missing files that settings name are faults with the other faults`() async {
        do throws(SettingsFaults) {
            _ = try await LocalSettings.load(
                yaml: "peers:\n  sharedSecretFile: none\nnode:\n  workers: 0\n", directory: "/nowhere",
                environment: [:], filesNeeded: .all)
            Issue.record("accepted")
        } catch {
            #expect(
                error.faults.map(\.key).sorted() == [
                    "database.vaultKeyFile", "node.workers", "peers.sharedSecretFile",
                ])
        }
    }

    @Test func `variables are named after their keys`() {
        let names = SettingsKey.all.map(\.variable)
        #expect(names.contains("QUANTUMGATE_PEERS_SHARED_SECRET_FILE"))
        #expect(Set(names).count == names.count)
    }

    @Test func `ports of one node don't meet, up to the most workers`() {
        var settings = LocalSettings(directory: "/node")
        settings.derivePorts(from: 9_000)
        let workers = 0..<NodeLocalSettings.workersRange.upperBound
        var ports = workers.flatMap { [settings.kernelLink(index: $0).port, settings.kernelAdmin(index: $0).port] }
        ports += [settings.database.link.port, settings.database.admin.port, settings.socks5.admin.port]
        ports += [settings.socks5.listen.port, settings.peers.listen[0].port]
        #expect(Set(ports).count == ports.count)
        #expect(ports.allSatisfy { (9_000..<9_100).contains($0) })
    }

    @Test(arguments: [
        ("kernel-1", 0), ("kernel-10", 9), ("kernel-11", nil), ("kernel-0", nil), ("kernel-01", nil), ("x", nil),
    ])
    func `a worker's name gives its index`(name: String, index: Int?) {
        #expect(LocalSettings.kernelIndex(ofName: name) == index)
    }

    @Test func `relative paths are below the node's folder`() {
        #expect(LocalSettings(directory: "/node").databasePath == "/node/data/node.sqlite")
        #expect(LocalSettings(directory: "/node").absolute("/x") == "/x")
    }
}
