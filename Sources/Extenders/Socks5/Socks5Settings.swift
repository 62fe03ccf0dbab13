package import GateExtenderKit
package import GateModel
import Synchronization

/// The node's settings of `socks5`, as they are now.
package struct Socks5Settings: Equatable, Sendable {
    /// For whom this node opens connections to the outside.
    package enum ExitPolicy: String, Sendable {
        case off, peers, anonymous, all

        /// Whether `peer` is served.
        ///
        /// - Parameter isAllowed: whether this node's operator allowed the peer by its UUID; a node that only
        ///   `access.default` lets in is a stranger.
        package func serves(_ peer: PeerIdentity, isAllowed: Bool) -> Bool {
            switch (self, peer) {
            case (.off, _), (.peers, .anonymous), (.anonymous, .node): false
            case (.peers, .node): isAllowed
            case (.all, _), (.anonymous, .anonymous): true
            }
        }
    }

    /// `socks5.exit`.
    package var exit = ExitPolicy.off
    /// `socks5.exit-allow-private`: whether private, local and own addresses may be connected.
    package var allowsPrivate = false
    /// `socks5.exit-connect-timeout`: for names, connecting and all.
    package var connectTimeout = Duration.seconds(20)
    /// `socks5.hops`: relays between this node and the exit, where the username says nothing.
    package var hops = 2
    /// `socks5.exit-nodes`: exits to choose from, where the username says nothing.
    package var exitNodes: [NodeUUID] = []

    /// Everything as it is by default.
    package init() {}

    /// Reads text forms; what is missing or odd stays at its default.
    package init(_ texts: [String: String]) {
        if let exit = texts["socks5.exit"].flatMap(ExitPolicy.init) { self.exit = exit }
        if let text = texts["socks5.exit-allow-private"] {
            allowsPrivate = text == "true" || text == "on" || text == "yes"
        }
        if let time = texts["socks5.exit-connect-timeout"].flatMap(duration) { connectTimeout = time }
        if let hops = texts["socks5.hops"].flatMap({ Int($0) }), (0...Socks5Options.hopsMax).contains(hops) {
            self.hops = hops
        }
        exitNodes = (texts["socks5.exit-nodes"] ?? "").split(separator: ",").compactMap {
            NodeUUID(text: $0.filter { $0 != " " })
        }
    }
}

/// `250ms`, `30s`, `10m`, `24h`.
private func duration(_ text: String) -> Duration? {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits), number <= 1_000_000 else { return nil }
    switch text.dropFirst(digits.count) {
    case "ms": return .milliseconds(number)
    case "s": return .seconds(number)
    case "m": return .seconds(number * 60)
    case "h": return .seconds(number * 3600)
    default: return nil
    }
}

/// The settings of now, for all tasks.
final class CurrentSettings: Sendable {
    private let current = Mutex(Socks5Settings())

    var value: Socks5Settings {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
}
