import Foundation
import GateModel
import GateStore
import Testing

@Suite struct SecurityLevels {
    private func values(_ settings: [String: String]) -> NodeSettingValues {
        NodeSettingValues(
            rows: settings.map { key, value in
                SettingRow(key: key, value: value, version: 1, changedAt: UnixTime(seconds: 0), changedBy: "test")
            })
    }

    @Test func `each parameter has a value that its setting takes, and level 1 the defaults`() throws {
        for parameter in SecurityLevel.parameters {
            for value in parameter.values { try parameter.setting.check(value) }
            #expect(parameter.values.first == parameter.setting.fallback)
        }
        let keys = SecurityLevel.parameters.map(\.setting.key)
        #expect(keys == Set(keys).sorted())
    }

    @Test(arguments: SecurityLevel.numbers) func `a level decides what nobody set`(level: Int) {
        let values = values(["security.level": "\(level)"])
        for parameter in SecurityLevel.parameters {
            #expect(values.text(of: parameter.setting) == parameter.values[level - 1])
            #expect(!values.isSet(parameter.setting))
        }
        #expect(values[NodeSettings.paddingMaximum] == [64, 128, 256, 384, 512][level - 1])
        #expect(values[NodeSettings.relayHops] == 2)
        #expect(values.customKeys.isEmpty)
    }

    @Test func `what was set stands over the level, and makes it a custom one where it differs`() {
        let values = values(["security.level": "4", "padding.maximum": "0", "noise.policy": "poisson"])
        #expect(values[NodeSettings.paddingMaximum] == 0)
        #expect(values.fallback(of: NodeSettings.paddingMaximum.definition) == "384")
        #expect(values.customKeys == ["padding.maximum"])
    }

    @Test(arguments: ["0", "6", "-1", "custom", ""]) func `what is no level is refused`(text: String) {
        #expect(throws: StoreFailure.self) { try NodeSettings.securityLevel.definition.check(text) }
        #expect(values(["security.level": text]).securityLevel == 1)
    }

    @Test func `the article's table is the code's`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let article = try String(
            contentsOf: root.appending(path: "Sources/Services/QuantumGate/QuantumGate.docc/Settings.md"),
            encoding: .utf8)
        let table = SecurityLevel.parameters.map { parameter in
            "| `\(parameter.setting.key)` | \(parameter.values.joined(separator: " | ")) |"
        }
        #expect(article.contains("| --- | --- | --- | --- | --- | --- |\n" + table.joined(separator: "\n") + "\n"))
    }
}
