import GateExtenderKit
import GateModel
import Testing

@Suite struct ExtenderStreamTests {
    @Test func `an opener may send its first bytes at once`() {
        var stream = ExtenderStream(openingWithWindow: 1_048_576)
        #expect(stream.sendableCount == 65_536)
        stream.sent(65_536)
        #expect(stream.sendableCount == 0)
        #expect(stream.received(credit: 100_000) == .proceed)
        #expect(stream.sendableCount == 34_464)
    }

    @Test func `an acceptor raises the opener's credit to its window`() {
        var stream = ExtenderStream(acceptingCredit: 10, window: 1_048_576)
        #expect(stream.sendableCount == 10)
        #expect(stream.accepted() == .init(acknowledged: 0, limit: 1_048_576))
        #expect(stream.accepted() == nil)
    }

    @Test func `consumption returns credit and acknowledgement by quarters`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.received(400) == .proceed)
        #expect(stream.consumed(99) == nil)
        #expect(stream.consumed(1) == .init(acknowledged: 100, limit: 500))
        #expect(stream.consumed(300) == .init(acknowledged: 400, limit: 800))
        #expect(stream.unconsumedCount == 0)
    }

    @Test func `what was consumed without a grant is owed an acknowledgement of its own, once`() {
        var stream = ExtenderStream(openingWithWindow: 1_048_576)
        #expect(stream.received(100_000) == .proceed)
        #expect(stream.consumed(16_383) == nil)
        #expect(!stream.owesAcknowledgement)
        #expect(stream.consumed(1) == nil)
        #expect(stream.owesAcknowledgement)
        let offsets = [stream.takeAcknowledgement(), stream.takeAcknowledgement()]
        #expect(offsets == [16_384, nil])
        // After a finish no grant comes at all; done says the rest.
        #expect(stream.receivedFinish() == .proceed)
        #expect(stream.consumed(50_000) == nil)
        let late = stream.takeAcknowledgement()
        #expect(late == 66_384)
        #expect(stream.consumed(33_616) == nil)
        let isDone = stream.takeDone()
        #expect(isDone && !stream.owesAcknowledgement)
    }

    @Test func `a grant and a word of where the stream stands acknowledge, too`() {
        var stream = ExtenderStream(openingWithWindow: 131_072)
        #expect(stream.received(131_072) == .proceed)
        #expect(stream.consumed(32_768) == .init(acknowledged: 32_768, limit: 163_840))
        #expect(!stream.owesAcknowledgement)
        #expect(stream.consumed(20_000) == nil)
        stream.suspend()
        #expect(!stream.owesAcknowledgement)
        #expect(stream.takeStanding().acknowledged == 52_768)
        #expect(stream.resumed(StreamStanding(received: 0, acknowledged: 0, limit: 0, flags: [])) == .proceed)
        #expect(!stream.owesAcknowledgement)
    }

    @Test func `bytes beyond the grant reset the stream`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.received(401) == .reset(.protocolBroken))
        #expect(stream.received(1) == .ignore)
        #expect(stream.isSettled)
    }

    @Test func `an end that was not granted its window holds the opener's credit at most`() {
        var stream = ExtenderStream(acceptingCredit: 0, window: 1_048_576)
        #expect(stream.received(65_536) == .proceed)
        #expect(stream.received(1) == .reset(.protocolBroken))
    }

    @Test func `each direction finishes on its own`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        let first = stream.finish()
        let second = stream.finish()
        #expect(first && !second)
        #expect(stream.sendableCount == 0)
        #expect(stream.received(10) == .proceed)
        #expect(!stream.isSettled)
        #expect(stream.receivedFinish() == .proceed)
        #expect(stream.isSettled)
    }

    @Test func `data or another finish after a finish resets`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.receivedFinish() == .proceed)
        var other = stream
        #expect(stream.received(1) == .reset(.protocolBroken))
        #expect(other.receivedFinish() == .reset(.protocolBroken))
    }

    @Test func `an acknowledgement of bytes never sent resets`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        stream.sent(10)
        #expect(stream.received(acknowledged: 10) == .proceed)
        #expect(stream.received(acknowledged: 9) == .ignore)
        #expect(stream.received(acknowledged: 11) == .reset(.protocolBroken))
    }

    @Test func `credit never goes back and never exceeds the largest window`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.received(credit: 1) == .ignore)
        #expect(stream.sendableCount == 65_536)
        #expect(stream.received(credit: StreamLimits.windowMax) == .proceed)
        #expect(stream.received(credit: StreamLimits.windowMax + 1) == .reset(.protocolBroken))
        #expect(stream.received(credit: .max) == .ignore)
    }

    @Test func `a reset ends both directions once`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        let first = stream.reset(.cancelled)
        let second = stream.reset(.failed)
        #expect(first && !second)
        #expect(stream.resetCode == .cancelled)
        #expect(stream.received(reset: .failed) == .ignore)
        #expect(stream.finish() == false)
    }

    @Test func `any order of inputs keeps what is held within the window`() {
        var random = SeededGenerator(seed: 7)
        var heldMax = 0
        for _ in 0..<200 {
            var stream = ExtenderStream(acceptingCredit: 1_000, window: 70_000)
            _ = stream.accepted()
            for _ in 0..<200 {
                switch UInt8.random(in: 0..<8, using: &random) {
                case 0...2: _ = stream.received(Int.random(in: 0...30_000, using: &random))
                case 3: _ = stream.consumed(Int.random(in: 0...stream.unconsumedCount, using: &random))
                case 4: _ = stream.received(credit: UInt64.random(in: 0...5_000_000, using: &random))
                case 5: stream.sent(Int.random(in: 0...stream.sendableCount, using: &random))
                case 6: _ = stream.received(acknowledged: UInt64.random(in: 0...100, using: &random))
                default: _ = stream.consumed(stream.unconsumedCount)
                }
                heldMax = max(heldMax, stream.unconsumedCount)
            }
        }
        #expect(heldMax <= 70_000)
    }
}

/// SplitMix64, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
