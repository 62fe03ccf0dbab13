import GateLink
import GateModel
import NIOCore

/// What a link received, in reads of a size that the first byte says (÷ 256 bytes at most): refused, or frames that say
/// the same when they are written again.
enum LinkInput {
    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        var rest = ByteBuffer(bytes: bytes.dropFirst())
        let size = Int(first) + 1
        var decoder = LinkFrameDecoder()
        while let slice = rest.readSlice(length: min(size, rest.readableBytes)), slice.readableBytes > 0 {
            decoder.feed(slice)
            do {
                while let frame = try decoder.next() { check(frame) }
            } catch { return }
            precondition(decoder.heldBytes < 4 + LinkLimits.frameBytesMax, "no more is held than one frame")
        }
    }

    private static func check(_ frame: LinkFrame) {
        var decoder = LinkFrameDecoder()
        decoder.feed(honest { try written(frame) })
        let again = honest { try decoder.next() }
        precondition(again == frame, "a frame says the same when it is written again")
    }

    static func written(_ frame: LinkFrame) throws -> ByteBuffer {
        var output = ByteBuffer()
        try LinkFrameEncoder.encode(frame, into: &output)
        return output
    }

    private static let extender = ExtenderID(.numbered(1))
    private static let session = SessionID(.numbered(2))
    private static let node = NodeUUID(.numbered(3))

    private static let control: [LinkFrame] = [
        .hello(LinkHello(versions: .current, program: "socks5 1.0", requestsMax: 16)),
        .welcome(LinkWelcome(version: 1, program: "kernel", grant: .attaching(as: extender), requestsMax: 8)),
        .ping(1), .pong(1), .drain, .goAway(LinkGoAway(code: .stopping, reason: "update")),
        .attach(LinkAttach(extender: extender, name: "socks5", replica: 7, capabilities: ["a"])),
        .attached(LinkAttached(worker: "kernel-1", node: node)),
        .refused(LinkRefusal(code: .notPermitted, reason: "no")),
        .receipt(LinkReceipt(id: 1, session: session, status: .delivered)),
        .peerCredit(LinkPeerCredit(session: session, limit: 1 << 20)),
        .connect(connect(.direct)), .connect(connect(.relayed(hops: 3))), .connect(connect(.through([node]))),
        .connected(ConnectSuccess(id: 1, session: session)),
        .connectFailed(ConnectFailure(id: 1, code: .noRoute, reason: "too few")),
    ]

    private static let traffic: [LinkFrame] = [
        .peerEvent(LinkPeerEvent(change: .connected, session: session, peer: .node(node), isRelayed: true)),
        .message(LinkMessage(id: 1, extender: extender, session: session, payload: ByteBuffer(string: "hello"))),
        .streamOpen(
            alias: 1,
            LinkStreamOpen(
                id: StreamID(replica: 1, counter: 2), extender: extender, session: session, peer: .anonymous,
                priority: .interactive, credit: 4096)),
        .streamData(alias: 1, ByteBuffer(string: "data")), .streamCredit(alias: 1, limit: 10),
        .streamAcknowledged(alias: 1, offset: 4), .streamFinish(alias: 1), .streamReset(alias: 2, code: 3),
        .goOn(LinkGoOn(isGoing: false, attachment: 7, taken: 0)), .taken(count: 32),
        .streamDone(alias: 1), .streamsResumed(LinkStreamsResumed(session: session, epoch: 1)),
        .streamResume(
            alias: 1,
            LinkStreamResume(
                id: StreamID(replica: 1, counter: 2), extender: extender, session: session, epoch: 1, isOpener: true,
                priority: .bulk, standing: .accepted)),
        .request(id: 1, LinkRequest(method: "peers.get", deadlineMilliseconds: 9, body: ByteBuffer(bytes: [1]))),
        .reply(id: 1, LinkReply(status: .notFound, reason: "no such peer")),
        .watchEvent(id: 2, ByteBuffer(bytes: [1, 2])), .cancel(id: 2),
    ]

    private static func connect(_ route: ConnectRoute) -> ConnectRequest {
        ConnectRequest(
            id: 1, target: node, route: route, anonymous: true, isolation: "key", deadlineMilliseconds: 5000)
    }

    /// Each frame alone, and all together in small reads.
    static func seeds() throws -> [[UInt8]] {
        let frames = try (control + traffic).map { try written($0).bytes }
        return frames.map { [255] + $0 } + [[6] + frames.flatMap { $0 }]
    }
}
