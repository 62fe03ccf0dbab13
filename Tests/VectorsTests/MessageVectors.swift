import GateModel
import GateWire
import NIOCore
import Testing

@testable import GateSession

/// One of each message, messages in parts, and compressed messages (article Sessions).
@Suite struct MessageVectors {
    @Test func `messages are what is committed`() throws {
        try VectorFile(name: "messages").check([
            "messages": .list(Self.messages.map { entry($0, $1, $2) }), "parts": .list(try parts()),
        ])
    }

    private static let extender = ExtenderID(UUIDBytes(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10))
    private static let share = KeyShare(
        epoch: 9, agreement: pattern(32, from: 1), encapsulation: pattern(40, from: 0x80))

    /// The name and fields of the article's table, in its order, beside the message.
    private static let messages: [(name: String, fields: [Json], SessionMessage)] = [
        ("ping", [0x0102_0304_0506_0708], .ping(0x0102_0304_0506_0708)), ("pong", [2], .pong(2)),
        ("close", [2], .close(SessionCloseReason(rawValue: 2))),
        ("extenders", [.list([extender.json, extender.json])], .extenders([extender, extender])),
        ("receipt", [7, 1], .receipt(id: 7, status: .noSuchExtender)),
        (
            "stream open", [1, 2, 3, extender.json, 1, 65_536],
            .streamOpen(
                alias: 1, id: StreamID(replica: 2, counter: 3), extender: extender, priority: .interactive,
                credit: 65_536)
        ),
        ("stream data", [0x0102_0304, .hex([5, 6])], .streamData(alias: 0x0102_0304, ByteBuffer(bytes: [5, 6]))),
        ("stream credit", [1, 1_048_576], .streamCredit(alias: 1, limit: 1 << 20)),
        ("stream acknowledged", [1, 6], .streamAcknowledged(alias: 1, offset: 6)),
        ("stream finish", [1], .streamFinish(alias: 1)), ("stream reset", [1, 3], .streamReset(alias: 1, code: 3)),
        ("stream done", [1], .streamDone(alias: 1)),
        (
            "stream resume", [2, 3, 4, extender.json, 2, 3, 7, 5, 1000],
            .streamResume(
                alias: 2,
                StreamResume(
                    id: StreamID(replica: 3, counter: 4), extender: extender, priority: .bulk,
                    standing: StreamStanding(
                        received: 7, acknowledged: 5, limit: 1000, flags: [.sendFinished, .finishReceived])))
        ),
        (
            "cells", [.list([.hex(pattern(2048, from: 0))])],
            .cells(ByteBuffer(bytes: pattern(WireLimits.cellBytes, from: 0)))
        ),
        ("circuit credit", [5, 64], .circuitCredit(circuit: 5, cells: 64)),
        ("circuit destroy", [5, 2], .circuitDestroy(circuit: 5, reason: 2)),
        ("certificate", [.hex([1, 2, 3])], .certificate(ByteBuffer(bytes: [1, 2, 3]))),
        ("key request", [9, .hex(share.agreement), .hex(share.encapsulation)], .keyRequest(share)),
        ("key reply", [9, .hex(share.agreement), .hex(share.encapsulation)], .keyReply(share)),
        ("key switch", [9], .keySwitch(epoch: 9)), ("resumed", [1, 4], .resumed(isAccepted: true, epoch: 4)),
    ]

    private func entry(_ name: String, _ fields: [Json], _ message: SessionMessage) -> Json {
        var encoded = ByteBuffer()
        MessageCodec.encode(message, into: &encoded)
        return ["message": .text(name), "fields": .list(fields), "encoded": encoded.json]
    }

    /// Two messages whose parts take turns, one of them empty-handed at first, and an empty one: as encoded, and what
    /// comes together after which of them.
    private func parts() throws -> [Json] {
        let (first, second) = (ByteBuffer(bytes: pattern(11, from: 0)), ByteBuffer(bytes: pattern(7, from: 0x50)))
        func head(_ id: UInt64, _ flags: ExtenderMessage.Flags, _ payload: ByteBuffer?) -> ExtenderMessage {
            ExtenderMessage(extender: Self.extender, id: id, flags: flags, payload: payload ?? ByteBuffer())
        }
        let sent: [WireMessage] = [
            .messageStart(part: 1, head: head(1, [.receiptWanted], first.getSlice(at: 0, length: 4)), total: 11),
            .messageStart(part: 9, head: head(2, [.interactive], second.getSlice(at: 0, length: 6)), total: 7),
            .messagePart(part: 1, first.getSlice(at: 4, length: 5) ?? ByteBuffer()),
            .messagePart(part: 9, second.getSlice(at: 6, length: 1) ?? ByteBuffer()),
            .messageStart(part: 9, head: head(3, [], nil), total: 0),
            .messagePart(part: 1, first.getSlice(at: 9, length: 2) ?? ByteBuffer()),
        ]
        var assembly = MessageAssembly()
        return sent.map { message in
            var encoded = ByteBuffer()
            var step = MessageAssembly.Step.incomplete
            switch message {
            case .messageStart(let part, let head, let total):
                MessageCodec.encodeMessageStart(part: part, head: head, total: total, into: &encoded)
                step = assembly.start(part: part, head: head, total: total, at: MonotonicInstant(nanoseconds: 0))
            case .messagePart(let part, let bytes):
                MessageCodec.encodeMessagePart(part: part, bytes, into: &encoded)
                step = assembly.add(part: part, bytes)
            case .whole: break
            }
            guard case .complete(let whole) = step else { return ["encoded": encoded.json] }
            return [
                "encoded": encoded.json, "extender": Self.extender.json, "id": .number(Int(whole.id)),
                "flags": .number(Int(whole.flags.rawValue)), "payload": whole.payload.json,
            ]
        }
    }

    // MARK: Compression

    /// Compressed bytes depend on zlib's version, what they unfold to does not: so the committed ones are unfolded.
    @Test func `compressed messages unfold to what is committed`() throws {
        let file = VectorFile(name: "compression")
        if VectorFile.isWriting { try file.write(try compressed()) }
        let vectors = try file.read()
        let whole = vectors["compressed"]?.items ?? []
        #expect(whole.count == Self.texts.count)
        for (entry, text) in zip(whole, Self.texts) {
            let bytes = try #require(entry["compressed"]?.bytes)
            #expect(PayloadCompression.restored(ByteBuffer(bytes: bytes)) == text)
            #expect(entry["payload"] == text.json)
        }
        for entry in vectors["refused"]?.items ?? [] {
            let bytes = try #require(entry["compressed"]?.bytes)
            #expect(PayloadCompression.restored(ByteBuffer(bytes: bytes)) == nil, "\(String(describing: entry["why"]))")
        }
    }

    private static let texts = [
        ByteBuffer(string: String(repeating: "a gate, a gate, ", count: 12)),
        ByteBuffer(bytes: (0..<6000).map { UInt8(truncatingIfNeeded: $0 / 40) }),
    ]

    private func compressed() throws -> Json {
        let made = try Self.texts.map { try #require(PayloadCompression.compressed($0)).bytes }
        let first = try #require(made.first)
        let refused: [(String, [UInt8])] = [
            ("a byte behind the stream", first + [0]), ("the stream is cut off", Array(first.dropLast())),
            ("a length one too small", [0, 0, 0, 191] + first.dropFirst(4)),
            ("a length one too great", [0, 0, 0, 193] + first.dropFirst(4)),
            ("nothing", [0, 0, 0, 0] + [3, 0]),
            // A stored block of 200 bytes would be allowed 32 times its length; this run of zeros is more.
            ("more than 32 times its length", Self.zeros),
            ("no DEFLATE", [0, 0, 0, 4, 7, 7, 7, 7]),
        ]
        return [
            "compressed": .list(zip(made, Self.texts).map { ["compressed": .hex($0), "payload": $1.json] }),
            "refused": .list(refused.map { ["why": .text($0), "compressed": .hex($1)] }),
        ]
    }

    /// Zeros as DEFLATE's fixed codes say them: a literal, then matches of length 258 at distance 1, 20 of them.
    private static let zeros: [UInt8] = {
        var bits: [Bool] = [true, true, false]  // last block, fixed codes
        func code(_ value: Int, _ count: Int) { bits += (0..<count).reversed().map { value >> $0 & 1 == 1 } }
        code(0x30, 8)
        for _ in 0..<20 {
            code(0b1100_0101, 8)
            code(0, 5)
        }
        code(0, 7)
        var bytes = [UInt8](repeating: 0, count: (bits.count + 7) / 8)
        for (index, bit) in bits.enumerated() where bit { bytes[index / 8] |= UInt8(1) << UInt8(index % 8) }
        let count = UInt32(1 + 20 * 258)
        return withUnsafeBytes(of: count.bigEndian) { Array($0) } + bytes
    }()
}

extension ExtenderID {
    fileprivate var json: Json { .hex(value.bytes) }
}

extension ByteBuffer {
    fileprivate var bytes: [UInt8] { Array(readableBytesView) }
}
