import GateLink
import GateModel
import NIOCore
import Testing

/// Frames of the link protocol without a protobuf body (article Frames); the others' golden bytes are in `GateLinkTests`.
@Suite struct LinkVectors {
    private static let frames: [(type: Int, stream: Int, body: [UInt8], LinkFrame)] = [
        (3, 0, [0, 0, 0, 0, 0, 0, 1, 2], .ping(0x0102)), (4, 0, [0, 0, 0, 0, 0, 0, 1, 2], .pong(0x0102)),
        (5, 0, [], .drain), (33, 3, Array("gate".utf8), .streamData(alias: 3, ByteBuffer(string: "gate"))),
        (34, 3, [0, 0, 0, 0, 0, 1, 0, 0], .streamCredit(alias: 3, limit: 65_536)),
        (35, 3, [0, 0, 0, 0, 0, 0, 0, 9], .streamAcknowledged(alias: 3, offset: 9)),
        (36, 0x0102_0304, [], .streamFinish(alias: 0x0102_0304)),
        (37, 3, [0, 0, 0, 6], .streamReset(alias: 3, code: 6)), (38, 3, [], .streamDone(alias: 3)),
        (
            41, 0, [1, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 32],
            .goOn(LinkGoOn(isGoing: true, attachment: 0x0102, taken: 32))
        ),
        (42, 0, [0, 0, 0, 0, 0, 0, 0, 32], .taken(count: 32)), (51, 8, [], .cancel(id: 8)),
    ]

    @Test func `frames are what is committed`() throws {
        let frames = try Self.frames.map { type, stream, body, frame in
            var encoded = ByteBuffer()
            try LinkFrameEncoder.encode(frame, into: &encoded)
            return Json.object([
                "type": .number(type), "stream": .number(stream), "body": .hex(body), "encoded": encoded.json,
            ])
        }
        try VectorFile(name: "link").check(["frames": .list(frames)])
    }
}
