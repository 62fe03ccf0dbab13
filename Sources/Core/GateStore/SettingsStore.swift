package import GateModel

/// One version of a setting that somebody set.
package struct SettingRow: Sendable, Equatable {
    /// The setting's key.
    package let key: String
    /// The value in text form; `nil` where this version took the value back to the default.
    package let value: String?
    /// Counts up by one with each change of this setting, from 1.
    package let version: Int64
    /// When it was set.
    package let changedAt: UnixTime
    /// Who set it: a link name, or `init`.
    package let changedBy: String

    package init(key: String, value: String?, version: Int64, changedAt: UnixTime, changedBy: String) {
        self.key = key
        self.value = value
        self.version = version
        self.changedAt = changedAt
        self.changedBy = changedBy
    }
}

/// Node settings that differ from their defaults, with their history.
package protocol SettingsStore: Sendable {
    /// The newest version of every setting that was ever set.
    func settings() async throws(StoreFailure) -> [SettingRow]

    /// Sets a value, or with `nil` takes it back to the default. Unknown keys and bad values are refused with the
    /// reason. With `version` it succeeds only while that is the newest (0: never set), else `.conflict`.
    func set(_ key: String, to value: String?, by author: String, expecting version: Int64?)
        async throws(StoreFailure) -> SettingRow

    /// The versions of one setting, newest first, at most `StoreLimit.settingHistoryRows`.
    func history(of key: String) async throws(StoreFailure) -> [SettingRow]
}

extension SettingsStore {
    /// All values as they are now.
    package func values() async throws(StoreFailure) -> NodeSettingValues {
        NodeSettingValues(rows: try await settings())
    }

    /// Sets a value whatever it was before.
    package func set<Value>(_ key: SettingKey<Value>, to value: Value, by author: String) async throws(StoreFailure) {
        _ = try await set(key.definition.key, to: value.settingText, by: author, expecting: nil)
    }
}

/// Checks a change of a setting against the version that is newest (`nil`: never set), and returns the next one.
package func nextVersion(
    of key: String, value: String?, author: String, newest: Int64?, expecting version: Int64?
) throws(StoreFailure) -> Int64 {
    let definition = try NodeSettings.definition(of: key)
    if let value { try definition.check(value) }
    try checkLength(author, of: "an author", atMost: StoreLimit.nameBytes)
    let newest = newest ?? 0
    if let version, version != newest { throw .conflict }
    return newest + 1
}

/// The values of all settings at one moment.
package struct NodeSettingValues: Sendable, Equatable {
    /// By key: what was set, else what the security level gives. Defaults are left out: handshakes read them as they are.
    private let texts: [String: String]
    private let setKeys: Set<String>
    /// The security level.
    package let securityLevel: Int

    /// Takes what is set; keys of another version and values that this version refuses count as not set.
    package init(rows: [SettingRow]) {
        var texts: [String: String] = [:]
        for row in rows {
            guard let value = row.value, let definition = try? NodeSettings.definition(of: row.key) else { continue }
            if (try? definition.check(value)) != nil { texts[row.key] = value }
        }
        let level = NodeSettings.securityLevel
        securityLevel = texts[level.definition.key].flatMap(Int.read) ?? level.fallback
        setKeys = Set(texts.keys)
        self.texts = texts.merging(SecurityLevel.values(at: securityLevel)) { set, _ in set }
    }

    /// All defaults.
    package static let defaults = NodeSettingValues(rows: [])

    /// The value of one setting: what was set, else what the security level gives it, else its default.
    package subscript<Value>(key: SettingKey<Value>) -> Value {
        texts[key.definition.key].flatMap(Value.read) ?? key.fallback
    }

    /// The text form of one setting's value.
    package func text(of definition: SettingDefinition) -> String {
        texts[definition.key] ?? definition.fallback
    }

    /// The text form of the value that a setting has, or would have, while nobody sets another.
    package func fallback(of definition: SettingDefinition) -> String {
        SecurityLevel.values(at: securityLevel)[definition.key] ?? definition.fallback
    }

    /// Whether somebody set the setting.
    package func isSet(_ definition: SettingDefinition) -> Bool { setKeys.contains(definition.key) }

    /// Keys of settings that were set to something else than what the security level gives them. With any the level is
    /// a custom one.
    package var customKeys: [String] {
        SecurityLevel.parameters.map(\.setting).filter { text(of: $0) != fallback(of: $0) }.map(\.key)
    }
}

extension NodeSettingValues {
    /// The names of the algorithms of suites that the node takes, of each class the favourite first.
    package var suiteNames: (kems: [String], ciphers: [String], hashes: [String]) {
        (
            self[NodeSettings.suiteKEM].choices.map(\.rawValue), self[NodeSettings.suiteCipher].choices.map(\.rawValue),
            self[NodeSettings.suiteHash].choices.map(\.rawValue)
        )
    }
}
