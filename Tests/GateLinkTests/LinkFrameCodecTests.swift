import GateLink
import GateModel
import NIOCore
import Testing

@Suite struct LinkFrameCodec {
    @Test(arguments: FrameSamples.all)
    func `a frame survives its bytes`(frame: LinkFrame) throws {
        var decoder = LinkFrameDecoder()
        decoder.feed(try FrameSamples.encoded(frame))
        #expect(try decoder.next() == frame)
        #expect(try decoder.next() == nil)
        #expect(decoder.heldBytes == 0)
    }

    @Test func `golden bytes`() throws {
        let golden: [(LinkFrame, String)] = [
            (.ping(0x0102), "0000000d03000000000000000000000102"),
            (.drain, "000000050500000000"),
            (.streamData(alias: 3, ByteBuffer(string: "gate")), "000000092100000003" + "67617465"),
            (.streamCredit(alias: 3, limit: 65_536), "0000000d22000000030000000000010000"),
            (.streamReset(alias: 3, code: 6), "00000009250000000300000006"),
            (.streamDone(alias: 3), "000000052600000003"),
            (
                .goOn(LinkGoOn(isGoing: true, attachment: 0x0102, taken: 32)),
                "000000162900000000" + "01" + "0000000000000102" + "0000000000000020"
            ),
            (.taken(count: 32), "0000000d2a00000000" + "0000000000000020"),
            (
                .streamsResumed(LinkStreamsResumed(session: FrameSamples.session, epoch: 4)),
                "0000001b2800000000" + "0a120944443333222211111188887777666655551004"
            ),
            (
                .streamResume(alias: 5, FrameSamples.resume),
                "000000482700000005" + "09090000000000000010021a1209018d75746e617571116b636f730000008a"
                    + "221209444433332222111111888877776666555528043001380240034807500558808040"
            ),
            (
                .hello(LinkHello(versions: LinkVersions(lowest: 1, highest: 1), program: "a", requestsMax: 2)),
                "00000010010000000" + "00a04080110011201611802"
            ),
            (
                .reply(id: 8, LinkReply(status: .notFound, body: ByteBuffer(string: "x"))),
                "0000000a3100000008" + "0002080478"
            ),
            (
                .attached(LinkAttached(worker: "k", node: FrameSamples.node)),
                "0000001c08000000000a016b1212090887060504030201" + "11100f0e0d0c0b0a89"
            ),
        ]
        for (frame, hex) in golden {
            #expect(try FrameSamples.encoded(frame).hexDump(format: .compact) == hex)
        }
    }

    @Test func `any cut between reads gives the same frames`() throws {
        var whole = ByteBuffer()
        for frame in FrameSamples.all { try LinkFrameEncoder.encode(frame, into: &whole) }
        for size in [1, 2, 3, 7, 9, 10, 64, 1000] {
            var rest = whole
            var decoder = LinkFrameDecoder()
            var frames: [LinkFrame] = []
            while let slice = rest.readSlice(length: min(size, rest.readableBytes)), slice.readableBytes > 0 {
                decoder.feed(slice)
                while let frame = try decoder.next() { frames.append(frame) }
            }
            #expect(frames == FrameSamples.all)
            #expect(decoder.heldBytes == 0)
        }
    }

    @Test(arguments: FrameSamples.all)
    func `no truncation is a frame`(frame: LinkFrame) throws {
        let whole = try FrameSamples.encoded(frame)
        for length in 0..<whole.readableBytes {
            var decoder = LinkFrameDecoder()
            decoder.feed(try #require(whole.getSlice(at: 0, length: length)))
            #expect(try decoder.next() == nil)
        }
    }

    @Test(arguments: FrameSamples.all)
    func `no flipped length gives the same frame`(frame: LinkFrame) throws {
        let whole = try FrameSamples.encoded(frame)
        for bit in 0..<32 {
            var flipped = whole
            let length = try #require(flipped.getInteger(at: 0, as: UInt32.self))
            flipped.setInteger(length ^ (1 << UInt32(bit)), at: 0)
            var decoder = LinkFrameDecoder()
            decoder.feed(flipped)
            let decoded = try? decoder.next()
            #expect(decoded == nil || decoded != .some(frame))
        }
    }

    @Test(arguments: FrameSamples.all)
    func `a flipped bit is refused or gives a frame within the bounds`(frame: LinkFrame) throws {
        let whole = try FrameSamples.encoded(frame)
        for bit in 0..<(whole.readableBytes * 8) {
            var flipped = whole
            let byte = try #require(flipped.getInteger(at: bit / 8, as: UInt8.self))
            flipped.setInteger(byte ^ (1 << UInt8(bit % 8)), at: bit / 8)
            var decoder = LinkFrameDecoder()
            decoder.feed(flipped)
            guard let decoded = try? decoder.next() else { continue }
            var again = LinkFrameDecoder()
            again.feed(try FrameSamples.encoded(decoded))
            #expect(try again.next() == decoded)
        }
    }

    @Test func `bounds are judged before the body comes`() throws {
        let heads: [(String, LinkFrameFault)] = [
            ("0010000121000000 01", .impossibleLength), ("ffffffff2100000001", .impossibleLength),
            ("000000042100000001", .impossibleLength), ("000000050000000000", .unknownType(0)),
            ("00000009ff00000000", .unknownType(255)), ("0000ffff0100000000", .malformed(type: 1)),
            ("000000060500000000", .malformed(type: 5)), ("000000052100000001", .malformed(type: 33)),
            ("000000152900000000", .malformed(type: 41)), ("0000000d2a00000001", .wrongStream(type: 42)),
            ("000000092100000000", .wrongStream(type: 33)), ("0000000d0300000001", .wrongStream(type: 3)),
        ]
        for (hex, fault) in heads {
            var decoder = LinkFrameDecoder()
            decoder.feed(try ByteBuffer(plainHexEncodedBytes: hex))
            #expect(throws: fault) { try decoder.next() }
        }
    }

    @Test func `a payload is a slice and the longest one fits`() throws {
        let longest = ByteBuffer(repeating: 7, count: LinkLimits.payloadBytesMax)
        let reason = String(repeating: "é", count: 2000)
        var decoder = LinkFrameDecoder()
        decoder.feed(try FrameSamples.encoded(.reply(id: 1, LinkReply(status: .failed, reason: reason, body: longest))))
        guard case .reply(1, let reply) = try decoder.next() else { return #expect(Bool(false), "a reply") }
        #expect(reply.body == longest)
        #expect(reply.reason.utf8.count == LinkLimits.reasonBytesMax)
    }

    @Test func `what is longer than a frame is not encoded`() {
        var buffer = ByteBuffer(string: "before")
        let tooLong = ByteBuffer(repeating: 7, count: LinkLimits.payloadBytesMax + 1)
        #expect(throws: LinkFrameFault.impossibleLength) {
            try LinkFrameEncoder.encode(.watchEvent(id: 1, tooLong), into: &buffer)
        }
        #expect(throws: LinkFrameFault.impossibleLength) {
            try LinkFrameEncoder.encode(.streamData(alias: 1, ByteBuffer()), into: &buffer)
        }
        #expect(buffer == ByteBuffer(string: "before"))
    }
}
