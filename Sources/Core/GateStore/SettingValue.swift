package import GateModel

/// A type that a node setting can have. Its text form is what people write, read and what is stored.
package protocol SettingValue: Sendable, Equatable {
    /// Reads the text form; `nil` for anything else.
    static func read(_ text: String) -> Self?
    /// The text form.
    var settingText: String { get }
}

extension Bool: SettingValue {
    package static func read(_ text: String) -> Bool? {
        switch text {
        case "true", "on", "yes": true
        case "false", "off", "no": false
        default: nil
        }
    }

    package var settingText: String { self ? "true" : "false" }
}

extension Int: SettingValue {
    package static func read(_ text: String) -> Int? { Int(text) }

    package var settingText: String { String(self) }
}

extension String: SettingValue {
    package static func read(_ text: String) -> String? { text }

    package var settingText: String { self }
}

/// A number and its unit: `250ms`, `30s`, `10m`, `24h`.
extension Duration: SettingValue {
    package static func read(_ text: String) -> Duration? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int64(digits), number <= 1_000_000_000 else { return nil }
        switch text.dropFirst(digits.count) {
        case "ms": return .milliseconds(number)
        case "s": return .seconds(number)
        case "m": return .seconds(number * 60)
        case "h": return .seconds(number * 3600)
        default: return nil
        }
    }

    package var settingText: String {
        let milliseconds = wholeMilliseconds
        if milliseconds % 1000 != 0 { return "\(milliseconds)ms" }
        let seconds = milliseconds / 1000
        if seconds == 0 || seconds % 60 != 0 { return "\(seconds)s" }
        return seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds / 60)m"
    }

    /// Whole milliseconds, rounded down.
    package var wholeMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}

/// Nodes by their UUIDs, separated by commas.
package struct NodeList: SettingValue {
    /// The nodes, in the order given.
    package let nodes: [NodeUUID]

    /// The most nodes.
    package static let countMax = 64

    package init(_ nodes: [NodeUUID] = []) { self.nodes = nodes }

    package static func read(_ text: String) -> NodeList? {
        guard !text.isEmpty else { return NodeList() }
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        let nodes = parts.compactMap { NodeUUID(text: $0.filter { $0 != " " }) }
        return nodes.count == parts.count && nodes.count <= countMax ? NodeList(nodes) : nil
    }

    package var settingText: String { nodes.map(\.description).joined(separator: ",") }
}

/// A setting that is one of few words.
package protocol SettingChoice: SettingValue, RawRepresentable, CaseIterable where RawValue == String {}

extension SettingChoice {
    package static func read(_ text: String) -> Self? { Self(rawValue: text) }

    package var settingText: String { rawValue }
}

/// Some of few words, the favourite first, separated by commas: one at least, none twice.
package struct Preference<Choice: SettingChoice>: SettingValue {
    /// The favourite first.
    package let choices: [Choice]

    /// Every choice, in the order in which it is declared.
    package static var everything: Preference { Preference(Array(Choice.allCases)) }

    private init(_ choices: [Choice]) { self.choices = choices }

    package static func read(_ text: String) -> Preference? {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count <= Choice.allCases.count else { return nil }
        let choices = parts.compactMap { Choice(rawValue: $0.filter { $0 != " " }) }
        guard choices.count == parts.count, Set(choices.map(\.rawValue)).count == choices.count else { return nil }
        return Preference(choices)
    }

    package var settingText: String { choices.map(\.rawValue).joined(separator: ",") }
}

/// What happens to a peer that no rule names.
package enum AccessDefault: String, SettingChoice {
    /// Closed without a reason.
    case deny
    /// Accepted.
    case allow
}

/// For whom this node's `socks5` opens connections to the outside.
package enum ExitPolicy: String, SettingChoice {
    /// Nobody.
    case off
    /// Peers that are allowed by UUID.
    case peers
    /// Anonymous initiators only.
    case anonymous
    /// Peers and anonymous initiators.
    case all
}

/// A cipher of handshakes and records.
package enum CipherChoice: String, SettingChoice {
    /// AES-256-GCM: fastest where the processor has instructions for it.
    case aes = "aes-256-gcm"
    /// ChaCha20-Poly1305: fastest elsewhere.
    case chacha = "chacha20-poly1305"
}

/// A post-quantum key exchange of handshakes.
package enum KEMChoice: String, SettingChoice {
    /// ML-KEM-768 (NIST level 3).
    case mlkem768 = "ml-kem-768"
    /// ML-KEM-1024 (NIST level 5).
    case mlkem1024 = "ml-kem-1024"
}

/// A hash of handshakes and of what keys are derived with.
package enum HashChoice: String, SettingChoice {
    case sha256 = "sha-256"
    case sha512 = "sha-512"
    case blake2b = "blake2b"
}
