import GateLink
import GateModel

/// Any bytes as a text that names something: refused, or a value whose own text names the same.
enum NameInput {
    static func run(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        if let address = NodeAddress(text: text) {
            precondition(NodeAddress(text: address.description) == address, "a card's text names the same")
        }
        if let endpoint = Endpoint(text: text) {
            precondition(Endpoint(text: endpoint.description) == endpoint, "an endpoint's text names the same")
            precondition((1...Endpoint.hostBytesMax).contains(endpoint.host.utf8.count), "a host is bounded")
        }
        if let node = NodeUUID(text: text) {
            precondition(NodeUUID(text: node.description) == node, "a UUID's text names the same")
        }
        if let extender = ExtenderID(text: text) {
            precondition(ExtenderID(text: extender.description) == extender, "an extender's text names the same")
        }
        if let link = LinkName(uri: text) { precondition(link.description == text, "a link's name has one spelling") }
        if let address = IPAddress(text: text) {
            precondition(IPAddress(text: address.description) == address, "an address's text names the same")
        }
    }

    private static let node = "00000001-0000-8000-8000-000000000002"

    static let seeds = [
        "\(node)@example.org:7700", "\(node)@[fe80::1%eth0]:1", "127.0.0.1:65535", "[::1]:0", node,
        "spiffe://\(node)/kernel/kernel-1", "spiffe://\(node)/extender/\(node)/socks5-1", "::ffff:10.0.0.1",
        "2001:db8::1", "10.0.0.1",
    ].map { Array($0.utf8) }
}
