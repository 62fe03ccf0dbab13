import GateModel

extension StoreTopic {
    /// How the topic is written in the change log.
    package var logText: String {
        switch self {
        case .settings: "settings"
        case .peers: "peers"
        case .addressRules: "address-rules"
        case .bans: "bans"
        case .workers: "workers"
        case .rights: "rights"
        case .data(let extender): "data:\(extender)"
        }
    }

    /// Reads ``logText``; `nil` for a topic of another version.
    package init?(logText: String) {
        switch logText {
        case "settings": self = .settings
        case "peers": self = .peers
        case "address-rules": self = .addressRules
        case "bans": self = .bans
        case "workers": self = .workers
        case "rights": self = .rights
        default:
            guard logText.hasPrefix("data:"), let extender = ExtenderID(text: logText.dropFirst(5)) else { return nil }
            self = .data(extender)
        }
    }
}
