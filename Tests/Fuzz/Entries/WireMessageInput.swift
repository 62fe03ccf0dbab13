import GateModel
import GateWire
import NIOCore

/// Any bytes as a record's plaintext: refused, or messages that are written as they were read.
enum WireMessageInput {
    static func run(_ bytes: [UInt8]) {
        var plaintext = ByteBuffer(bytes: bytes)
        do {
            while true {
                let before = plaintext
                guard let message = try MessageCodec.decode(&plaintext) else { return }
                let taken = before.readableBytes - plaintext.readableBytes
                precondition(written(message) == before.getSlice(at: before.readerIndex, length: taken), "one encoding")
                if case .whole(let message) = message {
                    precondition(MessageCodec.encodedBytes(message) == taken, "the length is known beforehand")
                }
            }
        } catch { return }
    }

    private static func written(_ message: WireMessage) -> ByteBuffer {
        var output = ByteBuffer()
        switch message {
        case .whole(let message): MessageCodec.encode(message, into: &output)
        case .messageStart(let part, let head, let total):
            MessageCodec.encodeMessageStart(part: part, head: head, total: total, into: &output)
        case .messagePart(let part, let bytes): MessageCodec.encodeMessagePart(part: part, bytes, into: &output)
        }
        return output
    }

    private static let extender = ExtenderID(.numbered(1))

    /// One of each kind.
    static let messages: [WireMessage] =
        wholes.map { .whole($0) } + [
            .messageStart(part: 1, head: head, total: 12), .messagePart(part: 1, ByteBuffer(string: "parts")),
        ]

    private static let wholes: [SessionMessage] = [
        .ping(1), .pong(2), .extenders([extender, ExtenderID(.numbered(2))]),
        .receipt(id: 3, status: .delivered),
        .streamOpen(
            alias: 1, id: StreamID(replica: 1, counter: 1), extender: extender, priority: .interactive, credit: 9),
        .streamData(alias: 1, ByteBuffer(string: "stream")), .streamCredit(alias: 1, limit: 1 << 20),
        .streamAcknowledged(alias: 1, offset: 6), .streamFinish(alias: 1), .streamReset(alias: 1, code: 2),
        .streamDone(alias: 1),
        .streamResume(
            alias: 2,
            StreamResume(
                id: StreamID(replica: 1, counter: 1), extender: extender, priority: .bulk,
                standing: StreamStanding(received: 4, acknowledged: 3, limit: 9))),
        .cells(ByteBuffer(repeating: 3, count: WireLimits.cellBytes)), .circuitCredit(circuit: 1, cells: 64),
        .keyRequest(KeyShare(epoch: 1, agreement: [UInt8](repeating: 9, count: 32), encapsulation: zeros(1184))),
        .keySwitch(epoch: 1),
        .keyReply(KeyShare(epoch: 1, agreement: [UInt8](repeating: 9, count: 32), encapsulation: zeros(1088))),
        .circuitDestroy(circuit: 1, reason: 1), .resumed(isAccepted: true, epoch: 1), .close(.done),
    ]

    /// An ML-KEM key of zeros is one, and so is a ciphertext.
    private static func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    private static let head = ExtenderMessage(
        extender: extender, id: 4, flags: [.receiptWanted, .interactive], payload: ByteBuffer(string: "message"))

    /// Each message alone, and all in one record with padding.
    static let seeds = messages.map { written($0).bytes } + [messages.flatMap { written($0).bytes } + [0, 0, 0]]
}
