import GateLink
import GateModel
import NIOCore

/// Frames before a link is open, to the side that was dialled (first byte even) and the one that dials (odd); its second
/// bit: an extender's link.
enum LinkOpeningInput {
    private static let extender = ExtenderID(.numbered(1))
    private static let node = NodeUUID(.numbered(3))

    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        var decoder = LinkFrameDecoder()
        decoder.feed(ByteBuffer(bytes: bytes.dropFirst()))
        let role: LinkRole = mode & 2 == 0 ? .kernel : .extender(extender)
        guard let name = LinkName(node: node, role: role, name: "one") else {
            preconditionFailure("a link has a name")
        }
        var (reception, greeting) = (LinkReception(name), LinkGreeting(attach: mode & 2 == 0 ? nil : attach))
        var opened = 0
        while let frame = try? decoder.next() {
            if mode & 1 == 0 {
                opened += isOpened(&reception, frame) ? 1 : 0
            } else if case .open = greeting.received(frame) {
                opened += 1
            }
        }
        precondition(opened <= 1, "a link opens once")
    }

    private static func isOpened(_ reception: inout LinkReception, _ frame: LinkFrame) -> Bool {
        switch reception.received(frame, worker: "kernel-1") {
        case .open: return true
        case .decide:
            let decided = reception.decided(.granted(.attaching(as: extender)), program: "kernel", requestsMax: 8)
            if case .open? = decided { return true }
            return false
        case .send, .refuse, .close: return false
        }
    }

    private static let attach = LinkAttach(extender: extender, name: "socks5", replica: 7, capabilities: ["a"])

    /// Both sides' frames in order, for an extender and for another; refusals, and frames out of turn.
    static func seeds() throws -> [[UInt8]] {
        let hello = LinkFrame.hello(LinkHello(versions: .current, program: "socks5 1.0", requestsMax: 16))
        let welcome = LinkFrame.welcome(
            LinkWelcome(version: 1, program: "kernel", grant: .attaching(as: extender), requestsMax: 8))
        let attached = LinkFrame.attached(LinkAttached(worker: "kernel-1", node: node))
        let refused = LinkFrame.refused(LinkRefusal(code: .notPermitted, reason: "no"))
        let inputs: [(UInt8, [LinkFrame])] = [
            (0, [hello]), (2, [hello, .attach(attach)]), (2, [hello, hello]), (0, [.ping(1)]), (1, [welcome]),
            (3, [welcome, attached]), (3, [welcome, refused]), (1, [refused]),
            (3, [.goAway(LinkGoAway(code: .stopping, reason: "update"))]),
        ]
        return try inputs.map { mode, frames in [mode] + (try frames.flatMap { try LinkInput.written($0).bytes }) }
    }
}
