import GateLink
import GateModel
import NIOCore

/// One frame of every type, with every field set.
enum FrameSamples {
    static let node = NodeUUID(UUIDBytes(high: 0x0102_0304_0506_8708, low: 0x890a_0b0c_0d0e_0f10))
    static let extender = ShippedExtender.socks5
    static let session = SessionID(UUIDBytes(high: 0x1111_2222_3333_4444, low: 0x5555_6666_7777_8888))
    static let bytes = ByteBuffer(string: "gate")

    static let resume = LinkStreamResume(
        id: StreamID(replica: 9, counter: 2), extender: extender, session: session, epoch: 4, isOpener: true,
        priority: .bulk,
        standing: StreamStanding(received: 7, acknowledged: 5, limit: 1 << 20, flags: [.sendFinished, .finishReceived]))

    static let all: [LinkFrame] = [
        .hello(LinkHello(versions: LinkVersions(lowest: 1, highest: 3), program: "gate 1", requestsMax: 64)),
        .welcome(
            LinkWelcome(
                version: 1, program: "gate 1",
                grant: LinkGrant(extenders: [extender], mayConnect: true, mayRead: true, mayChange: true),
                requestsMax: 32)),
        .ping(7), .pong(7), .drain,
        .goAway(LinkGoAway(code: .stopping, reason: "stopping")),
        .attach(LinkAttach(extender: extender, name: "socks5", replica: 99, capabilities: ["streams"])),
        .attached(LinkAttached(worker: "kernel-1", node: node)),
        .refused(LinkRefusal(code: .otherExtender, reason: "another")),
        .peerEvent(
            LinkPeerEvent(
                change: .connected, session: session, peer: .node(node), isRelayed: true, extenders: [extender],
                reason: "why", epoch: 3, isResumable: true)),
        .message(
            LinkMessage(
                id: 5, extender: extender, session: session, priority: .interactive, wantsReceipt: true,
                delayMilliseconds: 20, payload: bytes)),
        .receipt(LinkReceipt(id: 5, session: session, status: .delivered)),
        .peerCredit(LinkPeerCredit(session: session, limit: 1 << 40)),
        .connect(
            ConnectRequest(
                id: 3, target: node, route: .relayed(hops: 3), anonymous: true, isolation: "x",
                deadlineMilliseconds: 5000)),
        .connect(
            ConnectRequest(
                id: 4, target: node, route: .through([node]), anonymous: false, isolation: "",
                deadlineMilliseconds: 0)),
        .connected(ConnectSuccess(id: 3, session: session)),
        .connectFailed(ConnectFailure(id: 3, code: .unreachable, reason: "no answer")),
        .streamOpen(
            alias: 1,
            LinkStreamOpen(
                id: StreamID(replica: 9, counter: 2), extender: extender, session: session, peer: .anonymous,
                priority: .bulk, credit: 65_536)),
        .streamOpen(
            alias: 2,
            LinkStreamOpen(
                id: StreamID(replica: 9, counter: 3), extender: extender, session: session, peer: .node(node),
                isPeerAllowed: true, priority: .interactive, credit: 1, epoch: 2)),
        .streamDone(alias: 1),
        .streamResume(alias: 5, resume), .streamsResumed(LinkStreamsResumed(session: session, epoch: 4)),
        .goOn(LinkGoOn(isGoing: true, attachment: 1 << 40, taken: 12)), .taken(count: 32),
        .streamData(alias: 1, bytes),
        .streamCredit(alias: 1, limit: 1 << 33), .streamAcknowledged(alias: 1, offset: 12), .streamFinish(alias: 1),
        .streamReset(alias: 1, code: 6),
        .request(id: 8, LinkRequest(method: "settings.get", deadlineMilliseconds: 1000, body: bytes)),
        .request(id: 9, LinkRequest(method: "settings.watch", isWatch: true, deadlineMilliseconds: 0, body: bytes)),
        .reply(id: 8, LinkReply(status: .notFound, reason: "no such key", body: bytes)),
        .watchEvent(id: 9, bytes), .cancel(id: 9),
    ]

    static func encoded(_ frame: LinkFrame) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        try LinkFrameEncoder.encode(frame, into: &buffer)
        return buffer
    }
}
