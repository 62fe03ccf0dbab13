/// One key of the settings file: what it means, how it is read and how it is written.
package struct SettingsKey: Sendable {
    /// What a key holds.
    package enum Shape: Sendable {
        /// One value.
        case scalar
        /// Several values in order; in the environment separated by commas.
        case list
        /// Values by name; not in the environment.
        case map
    }

    /// A key's text as found.
    package enum Value: Sendable {
        case scalar(String)
        case list([String])
        case map([String: String])
    }

    /// Dotted path, such as `peers.listen`.
    package let path: String
    package let shape: Shape
    /// One line for the file's comments and for help.
    package let summary: String
    /// A right value, as it is written in the file.
    package let example: String
    /// Puts a value in place; throws the reason where it is wrong.
    let apply: @Sendable (Value, inout LocalSettings) throws(BadValue) -> Void
    /// The value as it is written in the file; `nil` where it is left out.
    let show: @Sendable (LocalSettings) -> String?

    /// The variable that overrides the file.
    package var variable: String {
        var name = "QUANTUMGATE_"
        for character in path {
            if character.isUppercase { name += "_" }
            name += character == "." ? "_" : character.uppercased()
        }
        return name
    }
}

/// Why a value is wrong, in words that follow the key.
struct BadValue: Error {
    let reason: String

    /// Takes each part; throws why all that are wrong are so.
    static func taking<Part>(
        _ parts: some Sequence<Part>, _ body: (Part) throws(BadValue) -> Void
    ) throws(BadValue) {
        var reasons: [String] = []
        for part in parts {
            do throws(BadValue) { try body(part) } catch { reasons.append(error.reason) }
        }
        guard reasons.isEmpty else { throw BadValue(reason: reasons.joined(separator: "; ")) }
    }
}

extension SettingsKey {
    /// A key of one value that `parse` reads and `write` writes.
    static func scalar<Value>(
        _ path: String, _ summary: String, example: String,
        _ place: any WritableKeyPath<LocalSettings, Value> & Sendable,
        parse: @escaping @Sendable (String) throws(BadValue) -> Value,
        write: @escaping @Sendable (Value) -> String?
    ) -> SettingsKey {
        SettingsKey(
            path: path, shape: .scalar, summary: summary, example: example,
            apply: { value, settings throws(BadValue) in
                guard case .scalar(let text) = value else { throw BadValue(reason: "takes one value") }
                settings[keyPath: place] = try parse(text)
            },
            show: { write($0[keyPath: place]) })
    }

    /// A key of several values.
    static func list<Element>(
        _ path: String, _ summary: String, example: String, most: Int,
        _ place: any WritableKeyPath<LocalSettings, [Element]> & Sendable,
        parse: @escaping @Sendable (String) throws(BadValue) -> Element,
        write: @escaping @Sendable (Element) -> String
    ) -> SettingsKey {
        SettingsKey(
            path: path, shape: .list, summary: summary, example: example,
            apply: { value, settings throws(BadValue) in
                guard case .list(let texts) = value else { throw BadValue(reason: "takes a list") }
                guard texts.count <= most else { throw BadValue(reason: "takes \(most) values at most") }
                var elements: [Element] = []
                try BadValue.taking(texts) { text throws(BadValue) in elements.append(try parse(text)) }
                settings[keyPath: place] = elements
            },
            show: { "[\($0[keyPath: place].map(write).joined(separator: ", "))]" })
    }
}
