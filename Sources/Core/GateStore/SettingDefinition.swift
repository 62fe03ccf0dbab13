/// What a node setting is: its key, the values it takes, what it does.
package struct SettingDefinition: Sendable {
    /// The name in `settings get` and `settings set`: words joined by `-`, parts by `.`.
    package let key: String
    /// Which values are taken, in words: `true or false`, `a number from 0 to 8`.
    package let values: String
    /// The value while nobody has set another, in text form.
    package let fallback: String
    /// What the setting does, by its consequence.
    package let doc: String
    /// A value to copy.
    package let example: String

    fileprivate let accepts: @Sendable (String) -> Bool

    /// Throws what is wrong with a value and how a right one looks.
    package func check(_ text: String) throws(StoreFailure) {
        guard text.utf8.count <= StoreLimit.settingBytes, accepts(text) else {
            throw .invalid("\(key) takes \(values), for example \(example)")
        }
    }
}

/// A setting with the type of its value, so that it is read without casting.
package struct SettingKey<Value: SettingValue>: Sendable {
    /// The setting, without its type.
    package let definition: SettingDefinition
    /// The value while nobody has set another.
    package let fallback: Value

    fileprivate init(
        _ key: String, _ fallback: Value, values: String, _ doc: String, example: String,
        accepts: @escaping @Sendable (Value) -> Bool
    ) {
        self.fallback = fallback
        definition = SettingDefinition(
            key: key, values: values, fallback: fallback.settingText, doc: doc, example: example,
            accepts: { text in Value.read(text).map(accepts) ?? false })
    }
}

extension SettingKey where Value == Bool {
    init(_ key: String, _ fallback: Bool, _ doc: String) {
        self.init(
            key, fallback, values: "true or false", doc, example: (!fallback).settingText, accepts: { _ in true })
    }
}

extension SettingKey where Value == Int {
    init(_ key: String, _ fallback: Int, in range: ClosedRange<Int>, _ doc: String) {
        self.init(
            key, fallback, values: "a number from \(range.lowerBound) to \(range.upperBound)", doc,
            example: String(fallback), accepts: { range.contains($0) })
    }
}

extension SettingKey where Value == NodeList {
    init(_ key: String, _ fallback: NodeList, _ doc: String) {
        self.init(
            key, fallback, values: "UUIDs of nodes, separated by commas, \(NodeList.countMax) at most; or nothing", doc,
            example: "01234567-89ab-8def-8123-456789abcdef", accepts: { _ in true })
    }
}

extension SettingKey where Value == Duration {
    init(_ key: String, _ fallback: Duration, in range: ClosedRange<Duration>, _ doc: String) {
        let bounds = "from \(range.lowerBound.settingText) to \(range.upperBound.settingText)"
        self.init(
            key, fallback, values: "a duration \(bounds) (units ms, s, m, h)", doc, example: fallback.settingText,
            accepts: { range.contains($0) })
    }
}

extension SettingKey where Value: SettingChoice {
    init(_ key: String, _ fallback: Value, _ doc: String) {
        let words = Value.allCases.map(\.rawValue)
        self.init(
            key, fallback, values: "one of " + words.joined(separator: ", "), doc,
            example: words.last ?? fallback.rawValue, accepts: { _ in true })
    }
}

extension SettingKey {
    init<Choice>(preferring key: String, _ doc: String) where Value == Preference<Choice> {
        let words = Choice.allCases.map(\.rawValue)
        self.init(
            key, .everything,
            values:
                "one or more of \(words.joined(separator: ", ")), each once, the favourite first, separated by commas",
            doc, example: words.reversed().joined(separator: ","), accepts: { _ in true })
    }
}
