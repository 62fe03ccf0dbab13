import GateLink
import GateTestKit
import NIOCore
import Testing

@Suite struct FramesOfAnAttachment {
    @Test func `are kept until the other side has taken them, and go again from there`() {
        var frames = AttachmentFrames()
        for alias: UInt32 in 1...5 { frames.sent(.streamFinish(alias: alias)) }
        #expect(frames.sentCount == 5)
        let released = frames.released(upTo: 2)
        #expect(released)
        let goesOn = frames.goesOn(after: 3)
        #expect(goesOn)
        #expect(Array(frames.unconfirmed) == [.streamFinish(alias: 4), .streamFinish(alias: 5)])
    }

    @Test func `a side that took more than was sent, or less than it said before, does not go on`() {
        var frames = AttachmentFrames()
        for alias: UInt32 in 1...5 { frames.sent(.streamFinish(alias: alias)) }
        let tooMany = frames.released(upTo: 6)
        let fewer = frames.released(upTo: 4)
        let further = frames.goesOn(after: 6)
        let back = frames.goesOn(after: 3)
        let there = frames.goesOn(after: 4)
        #expect([tooMany, fewer, further, back, there] == [false, true, false, false, true])
    }

    @Test func `that are taken are told once there are many, or many bytes of them`() {
        var frames = AttachmentFrames()
        for _ in 1..<AttachmentFrames.framesPerWord { frames.received(.streamFinish(alias: 1)) }
        let early = frames.word()
        frames.received(.streamFinish(alias: 1))
        let due = frames.word()
        let twice = frames.word()
        #expect([early, due, twice] == [nil, 32, nil])
        frames.received(.streamData(alias: 1, ByteBuffer(repeating: 0, count: AttachmentFrames.bytesPerWord)))
        let again = frames.word()
        #expect(again == 33)
    }

    @Test func `beyond the bound are let go, until the other side has caught up`() {
        var frames = AttachmentFrames()
        let data = LinkFrame.streamData(alias: 1, ByteBuffer(repeating: 0, count: 1 << 20))
        for _ in 0..<15 { frames.sent(data) }
        #expect(frames.unconfirmed.count == 15)
        // 16 MiB of payload, and the little that each frame is besides.
        frames.sent(data)
        #expect(frames.unconfirmed.isEmpty)
        frames.sent(.streamFinish(alias: 1))
        let behind = frames.goesOn(after: 15)
        let caughtUp = frames.goesOn(after: 16)
        #expect([behind, caughtUp] == [false, true])
        #expect(Array(frames.unconfirmed) == [.streamFinish(alias: 1)])
        for _ in 1..<AttachmentFrames.framesMax { frames.sent(.streamFinish(alias: 1)) }
        #expect(frames.unconfirmed.count == AttachmentFrames.framesMax)
        frames.sent(.streamFinish(alias: 1))
        #expect(frames.unconfirmed.isEmpty)
    }

    /// Whenever links break, and whatever was on the way: each frame comes once and in order.
    @Test(arguments: 0..<100 as Range<UInt64>) func `come once and in order`(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var sender = AttachmentFrames()
        var taker = AttachmentFrames()
        var wire: [LinkFrame] = []
        var came: [UInt32] = []
        var next: UInt32 = 0
        for _ in 0..<5_000 {
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<2:
                wire = []
                let goesOn = sender.goesOn(after: taker.takenCount)
                #expect(goesOn, "seed \(seed)")
                wire += sender.unconfirmed
            case 2..<50:
                next += 1
                sender.sent(.streamFinish(alias: next))
                wire.append(.streamFinish(alias: next))
            default:
                guard !wire.isEmpty, case .streamFinish(let alias) = wire.removeFirst() else { continue }
                taker.received(.streamFinish(alias: alias))
                came.append(alias)
                if let count = taker.word() { _ = sender.released(upTo: count) }
            }
        }
        #expect(came == Array(1...UInt32(came.count)), "seed \(seed)")
    }

    @Test func `what is too little for a word is told late, once`() {
        var taker = AttachmentFrames()
        #expect(!taker.owesWord)
        #expect(taker.lateWord() == nil)
        taker.received(.streamFinish(alias: 1))
        #expect(taker.owesWord)
        #expect(taker.word() == nil)
        #expect(taker.lateWord() == 1)
        #expect(!taker.owesWord)
        #expect(taker.lateWord() == nil)
    }

    @Test func `only what broke goes on`() {
        let breaks: [LinkFailure] = [
            .connection("reset"), .goneAway(LinkGoAway(code: .unresponsive, reason: "")),
            .leaving(LinkGoAway(code: .unresponsive, reason: "")),
        ]
        let ends: [LinkFailure] = [
            .goneAway(LinkGoAway(code: .stopping, reason: "")), .goneAway(LinkGoAway(code: .revoked, reason: "")),
            .leaving(LinkGoAway(code: .credentialExpired, reason: "")), .protocolFault(.impossibleLength),
            .handshake(""),
        ]
        #expect(breaks.map(\.isBreak) == [true, true, true])
        #expect(ends.map(\.isBreak) == [false, false, false, false, false])
    }
}
