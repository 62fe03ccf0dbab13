import GateModel
import GateSettings

/// Any bytes as the local settings file: its faults, or settings that are the same when they are written and read again.
enum SettingsInput {
    static func run(_ bytes: [UInt8]) async {
        guard let settings = await load(String(decoding: bytes, as: UTF8.self)) else { return }
        let again = await load(SettingsText.yaml(of: settings))
        precondition(again == settings, "settings are read as they were written")
    }

    private static func load(_ yaml: String) async -> LocalSettings? {
        do throws(SettingsFaults) {
            return try await LocalSettings.load(yaml: yaml, directory: "/node", environment: [:], filesNeeded: [])
        } catch {
            precondition(!error.faults.isEmpty, "what is refused has a fault")
            return nil
        }
    }

    /// What `init` writes; the same with values set; files with faults.
    static let seeds: [[UInt8]] = {
        var settings = LocalSettings(directory: "/node")
        let plain = SettingsText.yaml(of: settings)
        settings.peers.listen = [Endpoint(host: "::", port: 1)]
        settings.peers.advertise = [Endpoint(host: "example.org", port: 7700)]
        settings.extenders = ["one": "bin/one", "two": "/opt/two"]
        let short = "peers:\n  listen: [\"[::]:7700\"]\n  lisen: 3\nnode:\n  workers: 2\nlog: [a]\n"
        let twice = "log:\n  level: a\n  level:\n  - b\nnode: {}\nlog:\n  format: c\n"
        return [plain, SettingsText.yaml(of: settings), short, twice].map { Array($0.utf8) }
    }()
}
