import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct SessionTests {
    static let extender = ShippedExtender.socks5

    private func pair() throws -> PeerPair {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        return pair
    }

    static func open(_ alias: UInt32, credit: UInt64 = 0, priority: Priority = .bulk) -> SessionMessage {
        .streamOpen(
            alias: alias, id: StreamID(replica: 1, counter: UInt64(alias)), extender: Self.extender,
            priority: priority, credit: credit)
    }

    private func bytes(_ count: Int, _ byte: UInt8 = 7) -> ByteBuffer { ByteBuffer(repeating: byte, count: count) }

    @Test func `control messages arrive as they were sent`() throws {
        var pair = try pair()
        let messages: [SessionMessage] = [
            .extenders([Self.extender]), .receipt(id: 1, status: .delivered),
            .circuitCredit(circuit: 2, cells: 3), .circuitDestroy(circuit: 2, reason: 1),
            .resumed(isAccepted: false, epoch: 0),
        ]

        for message in messages { pair.dialler.enqueue(message) }
        pair.run()

        #expect(pair.acceptorEvents == messages.map { .message($0) })
    }

    @Test(arguments: [0, 1, 65_000, 65_518, 200_000, WireLimits.messageBytesMax]) func `a message arrives whole`(
        _ count: Int
    ) throws {
        var pair = try pair()
        let message = ExtenderMessage(
            extender: Self.extender, id: 9, flags: .receiptWanted, payload: bytes(count))

        pair.dialler.enqueue(.message(message))
        pair.run()

        #expect(pair.acceptorEvents == [.message(.message(message))])
        #expect(pair.dialler.queuedBytes == 0)
    }

    @Test func `forty large messages of twenty extenders arrive within the bound on parts`() throws {
        var pair = try pair()
        for number in 0..<40 as Range<UInt64> {
            let extender = ExtenderID(UUIDBytes(high: 1, low: number % 20))
            pair.dialler.enqueue(
                .message(ExtenderMessage(extender: extender, id: number, payload: bytes(300_000))))
        }

        pair.run()

        let ids = pair.acceptorEvents.compactMap { event in
            if case .message(.message(let message)) = event { message.id } else { nil }
        }
        #expect(Set(ids) == Set(0..<40))
        #expect(pair.acceptorEvents.count == 40)
    }

    @Test func `a stream carries its bytes in order and within credit`() throws {
        var pair = try pair()
        pair.dialler.enqueue(Self.open(1, credit: 100))
        pair.dialler.enqueue(.streamData(alias: 1, bytes(70_000)))
        pair.dialler.enqueue(.streamFinish(alias: 1))
        pair.run()
        #expect(pair.acceptorEvents.streamBytes(1) == 65_536)
        #expect(pair.dialler.queuedBytes == 70_000 - 65_536)
        #expect(!pair.acceptorEvents.contains(.message(.streamFinish(alias: 1))))

        pair.acceptor.enqueue(.streamCredit(alias: 1, limit: 70_000))
        pair.acceptor.enqueue(.streamData(alias: 1, bytes(150)))
        pair.run()

        #expect(pair.acceptorEvents.streamBytes(1) == 70_000)
        #expect(pair.acceptorEvents.last == .message(.streamFinish(alias: 1)))
        #expect(pair.diallerEvents.streamBytes(1) == 100)
        #expect(pair.acceptor.queuedBytes == 50)
    }

    @Test func `a stream ends once both sides have consumed all and its alias is not used again`() throws {
        var pair = try pair()
        pair.dialler.enqueue(Self.open(1))
        pair.dialler.enqueue(.streamFinish(alias: 1))
        pair.run()
        pair.acceptor.enqueue(.streamFinish(alias: 1))
        pair.acceptor.enqueue(.streamDone(alias: 1))
        pair.run()
        #expect(pair.diallerEvents.suffix(2) == [.message(.streamDone(alias: 1)), .message(.streamFinish(alias: 1))])
        pair.dialler.enqueue(.streamDone(alias: 1))
        pair.dialler.enqueue(.streamDone(alias: 1))
        pair.run()

        #expect(pair.acceptorEvents.last == .message(.streamDone(alias: 1)))
        let (own, other) = (pair.dialler.makeAlias(), pair.acceptor.makeAlias())
        #expect(own == 3 && other == 2)
    }

    @Test func `a reset drops what waits and what is still on its way`() throws {
        var pair = try pair()
        pair.dialler.enqueue(Self.open(1))
        pair.run()
        pair.dialler.enqueue(.streamData(alias: 1, bytes(100_000)))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)

        pair.acceptor.enqueue(.streamReset(alias: 1, code: 6))
        pair.run()

        #expect(pair.diallerEvents == [.message(.streamReset(alias: 1, code: 6))])
        #expect(pair.dialler.queuedBytes == 0)
        #expect(pair.acceptor.isClosed == false)
    }

    @Test func `interactive bytes overtake bulk, and streams of a class share a record`() throws {
        var pair = try pair()
        for alias in [1, 3, 5] as [UInt32] {
            pair.dialler.enqueue(Self.open(alias, priority: alias == 5 ? .interactive : .bulk))
        }
        pair.run()
        pair.acceptorEvents = []
        pair.dialler.enqueue(.streamData(alias: 1, bytes(60_000)))
        pair.dialler.enqueue(.streamData(alias: 3, bytes(60_000)))
        pair.dialler.enqueue(.streamData(alias: 5, bytes(1000)))

        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        pair.deliverToAcceptor()

        guard case .message(.streamData(5, let first)) = pair.acceptorEvents.first else {
            Issue.record("the first bytes are the interactive stream's")
            return
        }
        #expect(first.readableBytes == 1000)
        #expect(abs(pair.acceptorEvents.streamBytes(1) - pair.acceptorEvents.streamBytes(3)) <= 8192)
    }

    @Test func `cells travel in whole cells`() throws {
        var pair = try pair()
        pair.dialler.enqueue(.cells(bytes(40 * WireLimits.cellBytes)))

        pair.run()

        let counts = pair.acceptorEvents.compactMap { event in
            if case .message(.cells(let cells)) = event { cells.readableBytes / WireLimits.cellBytes } else { nil }
        }
        #expect(counts == [31, 9])
    }

    @Test func `records may come byte by byte`() throws {
        var pair = try pair()
        pair.dialler.enqueue(.extenders([Self.extender]))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        pair.dialler.enqueue(.receipt(id: 1, status: .refused))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        var records = pair.toAcceptor

        while let byte = records.readSlice(length: 1) {
            pair.toAcceptor = byte
            pair.deliverToAcceptor()
        }

        #expect(
            pair.acceptorEvents == [
                .message(.extenders([Self.extender])), .message(.receipt(id: 1, status: .refused)),
            ])
    }

    @Test func `no flipped bit of a record is accepted, and nothing is answered`() throws {
        let settings = SessionSettings.withoutPadding
        for bit in 0..<(37 * 8) {
            var pair = PeerPair(try Self.node(1, settings), try Self.node(2, settings))
            pair.establish()
            pair.dialler.enqueue(.extenders([Self.extender]))
            pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
            #expect(pair.toAcceptor.readableBytes == 37)
            let byte = pair.toAcceptor.getInteger(at: bit / 8, as: UInt8.self) ?? 0
            pair.toAcceptor.setInteger(byte ^ 1 << UInt8(bit % 8), at: bit / 8)

            pair.deliverToAcceptor()
            pair.sendNoiseToAcceptor()

            #expect(pair.acceptorEvents == [.closed(.recordRefused)], "bit \(bit)")
            #expect(pair.toDialler.readableBytes == 0)
        }
    }

    @Test func `a record that is played again is refused`() throws {
        var pair = try pair()
        pair.dialler.enqueue(.extenders([]))
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        let record = pair.toAcceptor
        pair.deliverToAcceptor()

        pair.toAcceptor = record
        pair.deliverToAcceptor()
        pair.sendNoiseToAcceptor()

        #expect(pair.acceptorEvents == [.message(.extenders([])), .closed(.recordRefused)])
    }

    @Test func `empty data and empty credit break the protocol`() throws {
        for message in [SessionMessage.streamData(alias: 1, ByteBuffer()), .circuitCredit(circuit: 1, cells: 0)] {
            // Below the queue of the other side, which drops empty data.
            var plaintext = ByteBuffer()
            MessageCodec.encode(message, into: &plaintext)
            var session = try Self.session()
            var events: [PeerEvent] = []
            session.received(plaintext: &plaintext, wall: ManualClock().wall, into: &events)
            let failure = session.failure
            #expect(failure == .protocolViolation)
            #expect(events.isEmpty)
        }
    }

    @Test func `of many pings only the last is answered`() throws {
        var session = try Self.session()
        var events: [PeerEvent] = []
        var pings = ByteBuffer()
        for number in 0..<5000 as Range<UInt64> { MessageCodec.encode(.ping(number), into: &pings) }

        session.received(plaintext: &pings, wall: ManualClock().wall, into: &events)

        var output = ByteBuffer()
        session.seal(into: &output, budget: 1 << 20)
        #expect(output.readableBytes < 200)
        let isSendable = session.isSendable
        #expect(!isSendable)
    }

    @Test func `whoever makes us answer and does not read loses the session`() throws {
        var session = try Self.session()
        var count = 0
        while session.failure == nil, count < 100_000 {
            session.enqueue(.circuitDestroy(circuit: 1, reason: 1))
            count += 1
        }

        let (failure, waiting) = (session.failure, session.queuedBytes)
        #expect(failure == .limitExceeded)
        #expect(waiting < 100, "only the close message waits")
    }

    /// The acceptor's side of a session of its own.
    private static func session() throws -> Session {
        let (dialler, acceptor) = (try TestNode(1), try TestNode(2))
        let clock = ManualClock()
        var initiator = Handshake(
            dialling: acceptor.node, context: .peer, presence: .mutual(dialler.credentials),
            environment: dialler.environment)
        var responder = Handshake(accepting: [.peer], environment: acceptor.environment)
        var (there, back) = (ByteBuffer(), ByteBuffer())
        _ = initiator.start(wall: clock.wall, into: &there)
        _ = responder.received(&there, wall: clock.wall, admit: { _ in true }, into: &back)
        _ = initiator.received(&back, wall: clock.wall, admit: { _ in true }, into: &there)
        _ = responder.received(&there, wall: clock.wall, admit: { _ in true }, into: &back)
        return try Session(responder.finish(), environment: acceptor.environment, at: clock.now)
    }

    @Test func `an alias out of order closes the session with a reason`() throws {
        var pair = try pair()
        pair.dialler.enqueue(Self.open(5))
        pair.dialler.enqueue(Self.open(3))

        pair.run()

        #expect(pair.acceptorEvents == [.message(Self.open(5)), .closed(.protocolViolation)])
        #expect(pair.diallerEvents == [.closed(.closedByPeer(.protocolViolation))])
    }

    @Test func `a side that says goodbye is heard and sends no more`() throws {
        var pair = try pair()
        pair.dialler.enqueue(Self.open(1))
        pair.dialler.enqueue(.streamData(alias: 1, bytes(1000)))

        pair.dialler.close(.goingAway, events: &pair.diallerEvents)
        pair.dialler.enqueue(.ping(1))
        pair.run()

        #expect(pair.diallerEvents == [.closed(.closed(.goingAway))])
        #expect(pair.acceptorEvents == [.closed(.closedByPeer(.goingAway))])
    }

    @Test func `a quiet session pings, and ends where no answer comes`() throws {
        var pair = try pair()
        pair.clock.advance(by: .seconds(30))
        pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
        pair.run()
        #expect(pair.diallerEvents.isEmpty && pair.acceptorEvents.isEmpty)
        // The next ping is due after 0.6 to 1 times the interval.
        let deadline = pair.dialler.nextDeadline
        let next = try #require(deadline)
        #expect((pair.clock.now + .seconds(18)...pair.clock.now + .seconds(30)).contains(next))

        pair.clock.advance(by: .seconds(30))
        pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
        #expect(pair.dialler.isSendable == true)
        pair.clock.advance(by: .seconds(60))
        pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)

        #expect(pair.diallerEvents == [.closed(.idle)])
        pair.run()
        #expect(pair.acceptorEvents == [.closed(.closedByPeer(.idle))])
    }

    @Test func `pings of a quiet session have no beat`() throws {
        var pair = try pair()
        var waits: Set<Duration> = []
        for _ in 0..<20 {
            let deadline = pair.dialler.nextDeadline
            let next = try #require(deadline)
            waits.insert(next - pair.clock.now)
            pair.clock.advance(by: .seconds(30))
            pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
            pair.run()
        }
        #expect(waits.count > 10 && waits.allSatisfy { (.seconds(18) ... .seconds(30)).contains($0) })
    }

    @Test func `padding hides how long a record's messages are`() throws {
        var pair = try pair()
        var lengths: Set<Int> = []
        for _ in 0..<40 {
            pair.dialler.enqueue(.ping(1))
            pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
            lengths.insert(pair.toAcceptor.readableBytes)
            pair.deliverToAcceptor()
        }
        #expect(lengths.count > 10)
        #expect(lengths.allSatisfy { (27...91).contains($0) })
    }

    private static func node(_ number: UInt8, _ settings: SessionSettings) throws -> TestNode {
        try TestNode(number, settings: settings)
    }
}

extension PeerPair {
    /// Enough for a record of any length to be whole, then time for discarding to end.
    fileprivate mutating func sendNoiseToAcceptor() {
        toAcceptor = ByteBuffer(repeating: 3, count: 65_537)
        deliverToAcceptor()
        clock.advance(by: .seconds(10))
        acceptor.deadlinePassed(at: clock.now, events: &acceptorEvents)
    }
}

extension [PeerEvent] {
    func streamBytes(_ alias: UInt32) -> Int {
        reduce(0) { sum, event in
            if case .message(.streamData(alias, let data)) = event { sum + data.readableBytes } else { sum }
        }
    }
}
