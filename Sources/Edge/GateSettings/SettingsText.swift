/// The settings file as `init` writes it: every key with its value and what it means.
package enum SettingsText {
    /// YAML of `settings`, with a comment above each key; keys without a value are commented out with an example.
    package static func yaml(of settings: LocalSettings) -> String {
        var text = """
            # Settings of this machine's part of a QuantumGate node. Paths are relative to this folder.
            # Each key can be overridden by a variable, such as QUANTUMGATE_PEERS_LISTEN for peers.listen.
            # What all workers of the node share is in its database: see `quantumgate settings list`.

            """
        var section = ""
        for key in SettingsKey.all {
            let parts = key.path.split(separator: ".").map(String.init)
            let indent = parts.count > 1 ? "  " : ""
            if parts.count > 1, parts[0] != section {
                text += "\n\(parts[0]):\n"
                section = parts[0]
            } else if parts.count == 1 {
                text += "\n"
            }
            text += "\(indent)# \(key.summary).\n"
            let name = parts[parts.count - 1]
            if let value = key.show(settings) {
                text += "\(indent)\(name): \(value)\n"
            } else {
                text += "\(indent)# \(name): \(key.example)\n"
            }
        }
        return text
    }
}
