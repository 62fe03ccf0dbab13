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
        var text = String(text)
        guard let endpoint = text.withUTF8(Endpoint.init(bytes:)) else { return nil }
        self = endpoint
    }

    /// Pages of peers have hundreds of them: bytes, not characters.
    private init?(bytes: UnsafeBufferPointer<UInt8>) {
        let colonByte = UInt8(ascii: ":")
        guard let colon = bytes.lastIndex(of: colonByte), let port = Endpoint.port(bytes[(colon + 1)...]) else {
            return nil
        }
        var host = bytes[..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(colonByte) {
            return nil
        }
        guard (1...Endpoint.hostBytesMax).contains(host.count), host.allSatisfy(isHostCharacter) else { return nil }
        self.init(host: String(decoding: host, as: UTF8.self), port: port)
    }

    private static func port(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt16? {
        guard (1...5).contains(digits.count) else { return nil }
        var number: UInt32 = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + UInt32(digit - UInt8(ascii: "0"))
        }
        return UInt16(exactly: number)
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
