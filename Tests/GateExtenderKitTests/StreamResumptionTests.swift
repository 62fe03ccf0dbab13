import GateExtenderKit
import GateModel
import GateTestKit
import Testing

@Suite struct StreamResumptions {
    private func standing(
        _ received: UInt64, _ acknowledged: UInt64, _ limit: UInt64, _ flags: StreamStanding.Flags = []
    ) -> StreamStanding {
        StreamStanding(received: received, acknowledged: acknowledged, limit: limit, flags: flags)
    }

    @Test func `go on where the other end's bytes stop`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        stream.sent(1000)
        #expect(stream.received(300) == .proceed)
        #expect(stream.consumed(150) == .init(acknowledged: 150, limit: 550))
        stream.suspend()
        #expect(stream.sendableCount == 0)
        #expect(stream.consumed(50) == nil)
        #expect(stream.takeStanding() == standing(300, 200, 600))
        #expect(stream.resumed(standing(700, 600, 70_000)) == .proceed)
        #expect(stream.sentOffset == 700)
        #expect(stream.acknowledgedOffset == 600)
        #expect(stream.sendableCount == 69_300)
    }

    @Test func `say a finish again that did not come, and not one that did`() {
        var lost = ExtenderStream(openingWithWindow: 400)
        lost.sent(10)
        _ = lost.finish()
        lost.suspend()
        var came = lost
        #expect(lost.takeStanding() == standing(0, 0, 400, [.sendFinished, .unanswered]))
        #expect(lost.finish() == false)
        #expect(lost.resumed(standing(4, 0, 100)) == .proceed)
        #expect(lost.sendableCount == 96)
        lost.sent(6)
        let again = lost.finish()
        #expect(again)
        #expect(came.resumed(standing(10, 0, 100, .finishReceived)) == .proceed)
        let twice = came.finish()
        #expect(!twice)
        #expect(came.sendableCount == 0)
    }

    @Test func `honour the credit of now, not of before`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.received(credit: 1_000_000) == .proceed)
        stream.sent(500)
        stream.suspend()
        #expect(stream.resumed(standing(500, 0, 600)) == .proceed)
        #expect(stream.sendableCount == 100)
        #expect(stream.received(credit: 1_000) == .proceed)
        #expect(stream.sendableCount == 500)
    }

    @Test func `of an end that can't stand so break the stream`() {
        let cases: [(String, StreamStanding)] = [
            ("more than was sent", standing(101, 50, 1_000)),
            ("less than was acknowledged", standing(60, 39, 1_000)),
            ("fewer bytes than were acknowledged", standing(39, 39, 1_000)),
            ("a finish that was not said", standing(100, 50, 1_000, .finishReceived)),
            ("more credit than there is", standing(100, 50, 51 + StreamLimits.windowMax)),
        ]
        for (name, other) in cases {
            var stream = ExtenderStream(openingWithWindow: 400)
            stream.sent(100)
            _ = stream.received(acknowledged: 40)
            stream.suspend()
            #expect(stream.resumed(other) == .reset(.protocolBroken), "\(name)")
        }
    }

    @Test func `that nobody is in the middle of break the stream, and so do bytes before the other end's word`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.resumed(standing(0, 0, 100)) == .reset(.protocolBroken))
        var waiting = ExtenderStream(openingWithWindow: 400)
        waiting.suspend()
        #expect(waiting.received(1) == .reset(.protocolBroken))
    }

    @Test func `are over only when both ends have consumed everything`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        stream.sent(10)
        _ = stream.finish()
        #expect(stream.received(20) == .proceed)
        #expect(stream.receivedFinish() == .proceed)
        #expect(stream.isSettled && !stream.isOver)
        _ = stream.consumed(19)
        let early = stream.takeDone()
        _ = stream.consumed(1)
        let due = stream.takeDone()
        let twice = stream.takeDone()
        #expect([early, due, twice] == [false, true, false])
        #expect(!stream.isOver)
        #expect(stream.receivedDone() == .proceed)
        #expect(stream.acknowledgedOffset == 10)
        #expect(stream.isOver)
    }

    @Test func `tell a done that got lost`() {
        var stream = ExtenderStream(acceptingCredit: 100, window: 400)
        _ = stream.finish()
        _ = stream.receivedFinish()
        _ = stream.takeDone()
        stream.suspend()
        #expect(stream.takeStanding().flags == [.sendFinished, .finishReceived, .doneSent])
        #expect(stream.resumed(standing(0, 0, 0, [.sendFinished, .finishReceived, .doneSent])) == .proceed)
        #expect(stream.isOver)
    }

    @Test func `a done before a finish, or twice, breaks the stream`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        #expect(stream.receivedDone() == .reset(.protocolBroken))
        var other = ExtenderStream(openingWithWindow: 400)
        _ = other.finish()
        #expect(other.receivedDone() == .proceed)
        #expect(other.receivedDone() == .reset(.protocolBroken))
    }

    @Test func `a settled stream's user hears of no reset`() {
        var stream = ExtenderStream(openingWithWindow: 400)
        _ = stream.finish()
        _ = stream.receivedFinish()
        let own = stream.reset(.failed)
        #expect(!own)
        #expect(stream.received(reset: .peerGone) == .ignore)
        #expect(stream.isOver)
    }

    /// Whatever is lost whenever the way breaks: every byte arrives once and in order, and so do both finishes.
    @Test(arguments: 0..<400 as Range<UInt64>) func `lose and repeat nothing`(seed: UInt64) {
        var simulation = StreamSimulation(seed: seed)
        simulation.run()
        for end in [simulation.near, simulation.far] {
            #expect(end.broken == nil, "seed \(seed)")
            #expect(end.stream.isOver, "seed \(seed)")
            #expect(end.receivedCount == end.expectedCount && end.isInOrder, "seed \(seed)")
        }
    }
}

/// Two machines and a wire that loses all that is on it each time that it breaks. Bytes are told by their offsets.
private struct StreamSimulation {
    enum Item {
        case data(Range<Int>)
        case finish, done
        case credit(UInt64)
        case acknowledged(UInt64)
        case standing(StreamStanding)
    }

    struct End {
        var stream: ExtenderStream
        /// How much this end will send, and how much should come.
        let sendCount: Int
        let expectedCount: Int
        var receivedCount = 0
        var isInOrder = true
        var broken: StreamResetCode?
    }

    var near: End
    var far: End
    private var toFar: [Item] = []
    private var toNear: [Item] = []
    private var random: SeededRandom
    private var breaksLeft: Int

    init(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let counts = [0, 1].map { _ in Int.random(in: 0...1_000_000, using: &random) }
        let window = UInt64.random(in: 65_536...300_000, using: &random)
        near = End(
            stream: ExtenderStream(openingWithWindow: window), sendCount: counts[0], expectedCount: counts[1])
        far = End(
            stream: ExtenderStream(acceptingCredit: window, window: window), sendCount: counts[1],
            expectedCount: counts[0])
        breaksLeft = Int.random(in: 0...20, using: &random)
        self.random = random
    }

    mutating func run() {
        for _ in 0..<200_000 where !(near.stream.isOver && far.stream.isOver) { step() }
    }

    private mutating func step() {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<2 where breaksLeft > 0:
            breaksLeft -= 1
            fail()
        case 0..<40: Self.act(&near, &toFar, &random)
        case 40..<80: Self.act(&far, &toNear, &random)
        case 80..<90: Self.deliver(&toFar, to: &far, &toNear)
        default: Self.deliver(&toNear, to: &near, &toFar)
        }
    }

    /// The way breaks, at times again before the ends have heard of each other.
    private mutating func fail() {
        toFar = []
        toNear = []
        near.stream.suspend()
        far.stream.suspend()
        toFar = [.standing(near.stream.takeStanding())]
        toNear = [.standing(far.stream.takeStanding())]
    }

    private static func act(_ end: inout End, _ out: inout [Item], _ random: inout SeededRandom) {
        let count = min(end.stream.sendableCount, end.sendCount - Int(end.stream.sentOffset))
        if count > 0 {
            let part = Int.random(in: 1...count, using: &random)
            let start = Int(end.stream.sentOffset)
            out.append(.data(start..<(start + part)))
            end.stream.sent(part)
        } else if end.stream.sentOffset == UInt64(end.sendCount), end.stream.finish() {
            out.append(.finish)
        }
        let held = end.stream.unconsumedCount
        if held > 0, let grant = end.stream.consumed(Int.random(in: 1...held, using: &random)) {
            out += [.acknowledged(grant.acknowledged), .credit(grant.limit)]
        }
        if end.stream.takeDone() { out.append(.done) }
        if Bool.random(using: &random), let offset = end.stream.takeAcknowledgement() {
            out.append(.acknowledged(offset))
        }
    }

    private static func deliver(_ queue: inout [Item], to end: inout End, _ out: inout [Item]) {
        guard !queue.isEmpty else { return }
        let action: ExtenderStream.Action
        switch queue.removeFirst() {
        case .data(let bytes):
            action = end.stream.received(bytes.count)
            guard action == .proceed else { break }
            end.isInOrder = end.isInOrder && bytes.lowerBound == end.receivedCount
            end.receivedCount += bytes.count
        case .finish: action = end.stream.receivedFinish()
        case .done: action = end.stream.receivedDone()
        case .credit(let limit): action = end.stream.received(credit: limit)
        case .acknowledged(let offset): action = end.stream.received(acknowledged: offset)
        case .standing(let standing):
            action = end.stream.resumed(standing)
            if action == .proceed, let grant = end.stream.grantDue() {
                out += [.acknowledged(grant.acknowledged), .credit(grant.limit)]
            }
        }
        if case .reset(let code) = action { end.broken = code }
    }
}
