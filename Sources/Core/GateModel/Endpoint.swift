/// Where something listens: a host name or literal address, and a port.
///
/// Text form: `host:port`, an IPv6 literal in brackets.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or a literal address, without brackets; 1 to 253 bytes.
    public let host: String
    /// The TCP port.
    public let port: UInt16

    /// The longest name that DNS allows.
    public static let hostBytesMax = 253

    /// Joins a host (without brackets) and a port.
    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port` or `[v6]:port`; `nil` where the host is empty, too long, or has a character no host has.
    public init?(text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = String(host.dropFirst().dropLast())
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, host.utf8.count <= Endpoint.hostBytesMax, host.utf8.allSatisfy(isHostCharacter) else {
            return nil
        }
        self.init(host: host, port: port)
    }

    /// `host:port`, an IPv6 literal in brackets.
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

private func isHostCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: ":"), UInt8(ascii: "%"):
        true
    default: false
    }
}

/// A node and one place where it listens: what `card` prints and `peers add` takes.
///
/// Text form: `UUID@host:port`.
public struct NodeAddress: Hashable, Sendable, CustomStringConvertible {
    /// Who is to answer there.
    public let node: NodeUUID
    /// Where to dial.
    public let endpoint: Endpoint

    /// Joins a node and an endpoint.
    public init(node: NodeUUID, endpoint: Endpoint) {
        self.node = node
        self.endpoint = endpoint
    }

    /// Reads `UUID@host:port`.
    public init?(text: some StringProtocol) {
        guard let at = text.firstIndex(of: "@"), let node = NodeUUID(text: text[..<at]),
            let endpoint = Endpoint(text: text[text.index(after: at)...])
        else { return nil }
        self.init(node: node, endpoint: endpoint)
    }

    /// `UUID@host:port`.
    public var description: String { "\(node)@\(endpoint)" }
}
