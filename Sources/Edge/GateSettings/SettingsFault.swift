/// One thing that is wrong with the settings.
package struct SettingsFault: Error, Equatable, Sendable, CustomStringConvertible {
    /// The key as it stands in the file, such as `peers.listen`, or the variable's name, or the file's path.
    package let key: String
    /// What is wrong with it.
    package let reason: String
    /// A value that would be right.
    package let example: String

    package init(key: String, reason: String, example: String) {
        self.key = key
        self.reason = reason
        self.example = example
    }

    /// `key: reason (for example: example)`.
    package var description: String { "\(key): \(reason) (for example: \(example))" }
}

/// All that is wrong with the settings, found in one go.
package struct SettingsFaults: Error, Equatable, Sendable, CustomStringConvertible {
    package let faults: [SettingsFault]

    package init(_ faults: [SettingsFault]) { self.faults = faults }

    /// One fault a line.
    package var description: String { faults.map(\.description).joined(separator: "\n") }
}
