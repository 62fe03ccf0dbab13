import GateCrypto
import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct MessageCodecTests {
    static let extender = ExtenderID(UUIDBytes(high: 0x0102_0304_0506_0708, low: 0x090a_0b0c_0d0e_0f10))

    static let messages: [(SessionMessage, String)] = [
        (.ping(1), "010000000000000001"),
        (.pong(2), "020000000000000002"),
        (.close(.goingAway), "0301"),
        (.extenders([extender]), "0400010102030405060708090a0b0c0d0e0f10"),
        (.receipt(id: 3, status: .queueFull), "07000000000000000302"),
        (
            .streamOpen(
                alias: 5, id: StreamID(replica: 6, counter: 7), extender: extender, priority: .bulk, credit: 8),
            "0800000005000000000000000600000000000000070102030405060708090a0b0c0d0e0f10020000000000000008"
        ),
        (.streamData(alias: 9, ByteBuffer(bytes: [0xaa, 0xbb])), "09000000090002aabb"),
        (.streamCredit(alias: 10, limit: 11), "0a0000000a000000000000000b"),
        (.streamAcknowledged(alias: 12, offset: 13), "0b0000000c000000000000000d"),
        (.streamFinish(alias: 14), "0c0000000e"),
        (.streamReset(alias: 15, code: 16), "0d0000000f00000010"),
        (.circuitCredit(circuit: 17, cells: 18), "0f0000001100000012"),
        (.circuitDestroy(circuit: 19, reason: 20), "100000001314"),
        (.streamDone(alias: 21), "1100000015"),
        (
            .streamResume(
                alias: 22,
                StreamResume(
                    id: StreamID(replica: 6, counter: 7), extender: extender, priority: .interactive,
                    standing: StreamStanding(
                        received: 10, acknowledged: 9, limit: 8, flags: [.sendFinished, .finishReceived]))),
            "1200000016000000000000000600000000000000070102030405060708090a0b0c0d0e0f100103"
                + "000000000000000a00000000000000090000000000000008"
        ),
        (.certificate(ByteBuffer(bytes: [1, 2, 3])), "130003010203"),
        (
            .keyRequest(
                KeyShare(epoch: 23, agreement: [UInt8](repeating: 0xab, count: 32), encapsulation: [0xcd, 0xef])),
            "1400000017" + String(repeating: "ab", count: 32) + "0002cdef"
        ),
        (
            .keyReply(KeyShare(epoch: 24, agreement: [UInt8](repeating: 0xba, count: 32), encapsulation: [0xdc])),
            "1500000018" + String(repeating: "ba", count: 32) + "0001dc"
        ),
        (.keySwitch(epoch: 25), "1600000019"),
        (.resumed(isAccepted: true, epoch: 21), "200100000015"),
    ]

    @Test(arguments: messages) func `a message has these bytes`(_ message: SessionMessage, _ hex: String) throws {
        var bytes = ByteBuffer()

        MessageCodec.encode(message, into: &bytes)

        #expect(bytes.hexDump(format: .compact) == hex)
        #expect(MessageCodec.encodedBytes(message) == bytes.readableBytes)
        #expect(try MessageCodec.decode(&bytes) == .whole(message))
        #expect(try MessageCodec.decode(&bytes) == nil)
    }

    @Test(arguments: messages) func `no truncation of a message is read`(_ message: SessionMessage, _: String) {
        var bytes = ByteBuffer()
        MessageCodec.encode(message, into: &bytes)

        for count in 1..<bytes.readableBytes {
            var short = bytes.getSlice(at: 0, length: count) ?? bytes
            #expect(throws: WireFailure.truncated) { try MessageCodec.decode(&short) }
        }
    }

    @Test(arguments: [
        StreamStanding(received: 1, acknowledged: 2, limit: 0),
        StreamStanding(received: 2, acknowledged: 1, limit: 1 + StreamLimits.windowMax + 1),
        StreamStanding(received: 2, acknowledged: 1, limit: 0, flags: [.finishReceived, .doneSent]),
        StreamStanding(received: 2, acknowledged: 2, limit: 0, flags: .doneSent),
        StreamStanding(received: 1, acknowledged: 0, limit: 0, flags: .unanswered),
        StreamStanding(received: .max, acknowledged: .max, limit: 0),
        StreamStanding(received: 0, acknowledged: 0, limit: 0, flags: StreamStanding.Flags(rawValue: 16)),
    ])
    func `an end of a stream that can't stand so is refused`(standing: StreamStanding) {
        let resume = StreamResume(
            id: StreamID(replica: 1, counter: 1), extender: Self.extender, priority: .bulk, standing: standing)
        var bytes = ByteBuffer()
        MessageCodec.encode(.streamResume(alias: 1, resume), into: &bytes)
        #expect(throws: WireFailure.outOfBounds) { try MessageCodec.decode(&bytes) }
    }

    @Test func `a share of a key update has its bound`() throws {
        var share = KeyShare(
            epoch: 1, agreement: [UInt8](repeating: 1, count: 32), encapsulation: [UInt8](repeating: 2, count: 1568))
        var bytes = ByteBuffer()
        MessageCodec.encode(.keyRequest(share), into: &bytes)
        #expect(try MessageCodec.decode(&bytes) == .whole(.keyRequest(share)))
        for kind in [20, 21] as [UInt8] {
            share.encapsulation = []
            bytes.clear()
            MessageCodec.encode(.keyReply(share), into: &bytes)
            bytes.setInteger(kind, at: 0)
            bytes.setInteger(UInt16(1569), at: 37)
            bytes.writeRepeatingByte(2, count: 1569)
            #expect(throws: WireFailure.outOfBounds) { try MessageCodec.decode(&bytes) }
        }
    }

    @Test func `cells come whole and within their bound`() throws {
        var bytes = ByteBuffer()
        let cells = ByteBuffer(repeating: 7, count: 31 * WireLimits.cellBytes)
        MessageCodec.encode(.cells(cells), into: &bytes)
        #expect(try MessageCodec.decode(&bytes) == .whole(.cells(cells)))

        var none = ByteBuffer(bytes: [14, 0])
        #expect(throws: WireFailure.outOfBounds) { try MessageCodec.decode(&none) }
        var many = ByteBuffer(bytes: [14, 32] + [UInt8](repeating: 0, count: 32 * WireLimits.cellBytes))
        #expect(throws: WireFailure.outOfBounds) { try MessageCodec.decode(&many) }
    }

    @Test func `a message in parts begins and goes on`() throws {
        var bytes = ByteBuffer()
        let head = ExtenderMessage(
            extender: Self.extender, id: 1, flags: .receiptWanted, payload: ByteBuffer(bytes: [1, 2]))
        MessageCodec.encodeMessageStart(part: 3, head: head, total: 4, into: &bytes)
        MessageCodec.encodeMessagePart(part: 3, ByteBuffer(bytes: [3, 4]), into: &bytes)

        #expect(
            bytes.hexDump(format: .compact)
                == "05000000030102030405060708090a0b0c0d0e0f10000000000000000101000000040002010206000000030002"
                + "0304")
        #expect(try MessageCodec.decode(&bytes) == .messageStart(part: 3, head: head, total: 4))
        #expect(try MessageCodec.decode(&bytes) == .messagePart(part: 3, ByteBuffer(bytes: [3, 4])))
    }

    @Test func `a message over the bound, or a part over its whole, is refused`() {
        var bytes = ByteBuffer()
        let head = ExtenderMessage(extender: Self.extender, id: 1, payload: ByteBuffer(bytes: [1, 2]))
        MessageCodec.encodeMessageStart(part: 3, head: head, total: WireLimits.messageBytesMax + 1, into: &bytes)
        #expect(throws: WireFailure.outOfBounds) { try MessageCodec.decode(&bytes) }
        bytes.clear()
        MessageCodec.encodeMessageStart(part: 3, head: head, total: 1, into: &bytes)
        #expect(throws: WireFailure.outOfBounds) { try MessageCodec.decode(&bytes) }
    }

    @Test func `padding ends a record whatever it holds`() throws {
        var bytes = ByteBuffer(bytes: [0, 9, 9, 9])
        #expect(try MessageCodec.decode(&bytes) == nil)
        #expect(bytes.readableBytes == 0)
    }

    @Test(arguments: [23, 100, 255] as [UInt8]) func `an unknown type is refused`(_ type: UInt8) {
        var bytes = ByteBuffer(bytes: [type, 0, 0])
        #expect(throws: WireFailure.unknownType(type)) { try MessageCodec.decode(&bytes) }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func `random bytes never trap`(_ seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            var bytes = ByteBuffer(bytes: random.bytes(Int.random(in: 0...300, using: &random)))
            while (try? MessageCodec.decode(&bytes)) != nil, bytes.readableBytes > 0 {}
        }
    }
}

@Suite struct FlightHeaderTests {
    static let header = FlightHeader(
        versions: PeerVersions(1, 2), pattern: .mutual, context: .peer, suite: [1, 1, 1], offers: [6, 6, 14],
        minute: 0x01c9_c380, bodyBytes: 2000, messageBytes: 1232)

    @Test func `a header has these bytes`() {
        #expect(Self.header.encoded.hexDump(format: .compact) == "120101010101010606" + "0e01c9c38007d004d0")
        #expect(FlightHeader(Self.header.encoded) == Self.header)
        #expect(Self.header.choices.count == FlightHeader.choicesByteCount)
    }

    @Test func `a retry has these bytes, and a puzzle or no message`() {
        var retry = Self.header
        (retry.kind, retry.versions, retry.suite, retry.messageBytes) = (.retry, PeerVersions(only: 2), [2, 1, 3], 0)
        #expect(retry.encoded.hexDump(format: .compact) == "220201010201030606" + "0e01c9c38007d00000")
        #expect(FlightHeader(retry.encoded) == retry)
        retry.messageBytes = Puzzle.byteCount
        #expect(FlightHeader(retry.encoded) == retry)
        for count in [1, Puzzle.byteCount - 1, Puzzle.byteCount + 1, 2000] {
            retry.messageBytes = count
            #expect(FlightHeader(retry.encoded) == nil)
        }
    }

    @Test func `no truncation is read`() {
        for count in 0..<FlightHeader.byteCount {
            #expect(FlightHeader(Self.header.encoded.getSlice(at: 0, length: count) ?? ByteBuffer()) == nil)
        }
    }

    @Test(
        arguments: [
            (0, 2), (0, 0x10), (0, 0x21), (1, 0), (1, 2), (1, 3), (2, 0), (2, 3), (3, 0), (3, 4), (14, 0), (14, 0xff),
        ]
            as [(Int, UInt8)])
    func `an impossible version, another kind, pattern, context or impossible length is refused`(
        _ place: Int, _ byte: UInt8
    ) {
        var bytes = Self.header.encoded
        bytes.setInteger(byte, at: place)
        #expect(FlightHeader(bytes) == nil)
    }
}
