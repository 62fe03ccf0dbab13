import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// One handshake up to one of its flights.
private struct Course: CustomTestStringConvertible {
    /// What the responder wants otherwise.
    enum Retry: String, CaseIterable { case none, suite, puzzle, both }

    let retry: Retry
    /// Counts the connection's flights from 1.
    let flight: Int

    var testDescription: String { "flight \(flight) of a handshake, retry: \(retry)" }

    static let all = Retry.allCases.flatMap { retry in
        (1...(retry == .none ? 3 : 5)).map { Course(retry: retry, flight: $0) }
    }

    var takesRetry: Bool { retry != .none }

    /// Whether the initiator reads it.
    var isToDialler: Bool { flight.isMultiple(of: 2) }

    /// Both sides, the flight being under way.
    func begin(_ ada: TestNode, _ ben: TestNode) -> PeerPair {
        var pair = PeerPair(ada, ben)
        pair.start()
        for number in 1..<flight {
            number.isMultiple(of: 2) ? pair.deliverToDialler() : pair.deliverToAcceptor()
            pair.solve()
        }
        return pair
    }

    func nodes() throws -> (TestNode, TestNode) {
        let taken = retry == .suite || retry == .both ? SuitePreferences(only: SuiteRetryTests.other) : .everything
        let ben = try TestNode(2, suites: taken, settings: .withoutPadding)
        if retry == .puzzle || retry == .both { ben.load() }
        return (try TestNode(1, settings: .withoutPadding), ben)
    }
}

extension PeerPair {
    /// What is under way to one side.
    fileprivate mutating func replace(_ isToDialler: Bool, _ change: (ByteBuffer) throws -> ByteBuffer) rethrows {
        if isToDialler { toDialler = try change(toDialler) } else { toAcceptor = try change(toAcceptor) }
    }

    fileprivate mutating func deliver(_ isToDialler: Bool) {
        if isToDialler { deliverToDialler() } else { deliverToAcceptor() }
    }

    /// What the reader of a flight has to say or said.
    fileprivate func answer(_ isToDialler: Bool) -> (bytes: Int, events: [PeerEvent]) {
        isToDialler ? (toAcceptor.readableBytes, diallerEvents) : (toDialler.readableBytes, acceptorEvents)
    }

    /// Lets all time pass.
    fileprivate mutating func end() {
        clock.advance(by: .seconds(120))
        dialler.deadlinePassed(at: clock.now, events: &diallerEvents)
        acceptor.deadlinePassed(at: clock.now, events: &acceptorEvents)
    }
}

@Suite struct FlightAttackTests {
    @Test(arguments: Course.all) fileprivate func `no flipped byte is accepted`(_ course: Course) throws {
        let (ada, ben) = try course.nodes()
        var random = SeededRandom(seed: 3)
        var place = 0
        while true {
            var pair = course.begin(ada, ben)
            let count = course.isToDialler ? pair.toDialler.readableBytes : pair.toAcceptor.readableBytes
            guard place < count else { break }
            pair.replace(course.isToDialler) { flight in
                var bytes = Array(flight.readableBytesView)
                bytes[place] ^= 1 << UInt8(random.bytes(1)[0] % 8)
                return ByteBuffer(bytes: bytes)
            }
            pair.deliver(course.isToDialler)
            let answer = pair.answer(course.isToDialler)
            #expect(answer.bytes == 0, "byte \(place)")
            #expect(answer.events.allSatisfy { $0 == .closed(.unintelligible) }, "byte \(place)")
            pair.end()
            #expect(pair.answer(course.isToDialler).events == [.closed(.unintelligible)], "byte \(place)")
            place += place < 66 ? 1 : 13
        }
        #expect(place > 300)
    }

    @Test(arguments: Course.all) fileprivate func `no truncation is accepted`(_ course: Course) throws {
        let (ada, ben) = try course.nodes()
        for share in 0..<40 {
            var pair = course.begin(ada, ben)
            pair.replace(course.isToDialler) { flight in
                let count = share == 39 ? flight.readableBytes - 1 : flight.readableBytes * share / 40
                return flight.getSlice(at: flight.readerIndex, length: count) ?? flight
            }
            pair.deliver(course.isToDialler)
            #expect(pair.answer(course.isToDialler).bytes == 0)
            pair.end()
            #expect(pair.answer(course.isToDialler).events == [.closed(.handshakeTimedOut)])
        }
    }

    @Test(arguments: Course.all) fileprivate func `what comes twice ends the connection`(_ course: Course) throws {
        let (ada, ben) = try course.nodes()
        var pair = course.begin(ada, ben)
        pair.replace(course.isToDialler) { flight in
            var twice = flight
            twice.writeImmutableBuffer(flight)
            return twice
        }
        pair.deliver(course.isToDialler)
        pair.run()
        // Behind a whole handshake it is a record that does not open, or one that never ends.
        for _ in 0..<3 { pair.end() }
        let last = pair.answer(course.isToDialler).events.last
        #expect([.closed(.unintelligible), .closed(.recordRefused), .closed(.idle)].contains(last))
    }

    @Test(arguments: Course.all) fileprivate func `an earlier flight in place of a later is no flight`(
        _ course: Course
    ) throws {
        guard course.flight > 2 else { return }
        let (ada, ben) = try course.nodes()
        let earlier = Course(retry: course.retry, flight: course.flight - 2)
        let old = earlier.begin(ada, ben)
        let bytes = course.isToDialler ? old.toDialler : old.toAcceptor
        var pair = course.begin(ada, ben)
        pair.replace(course.isToDialler) { _ in bytes }
        pair.deliver(course.isToDialler)
        pair.end()
        #expect(pair.answer(course.isToDialler).bytes == 0)
        #expect(pair.answer(course.isToDialler).events == [.closed(.unintelligible)])
    }

    /// Place and byte of a header: versions, kind, pattern, context, suite, offers, minute.
    static let changes: [(Int, UInt8)] = [
        (0, 0x11), (0, 0x12), (0, 0x22), (0, 0x13), (1, 1), (1, 2), (2, 2), (3, 2), (3, 3), (4, 1), (4, 2), (4, 0),
        (5, 1), (5, 2), (6, 1), (6, 2), (6, 3), (7, 2), (7, 4), (7, 6), (8, 2), (8, 4), (8, 6), (9, 2), (9, 8), (9, 14),
        (10, 0xff), (13, 0xff), (17, 0),
    ]

    @Test(arguments: Course.all) fileprivate func `no choice that somebody changes on the way survives`(
        _ course: Course
    ) throws {
        var changeCount = 0
        // Nobody reads the Noise message of an opening that gets a retry: its length is no choice.
        let isUnread = course.takesRetry && course.flight == 1
        for (place, byte) in Self.changes where !isUnread || place < FlightHeader.byteCount - 4 {
            let (ada, ben) = try course.nodes()
            let forger = FlightForger(dialled: ben)
            var pair = course.begin(ada, ben)
            let isChanged = try pair.change(course.isToDialler) {
                try forger.changed($0, number: UInt8(course.flight), place, to: byte)
            }
            guard isChanged else { continue }
            changeCount += 1
            pair.run()
            let isLast = course.flight == (course.takesRetry ? 5 : 3)
            // Who wrote the last flight is done; the other side never is.
            #expect(isLast || pair.dialler.established == nil, "place \(place), byte \(byte)")
            // An anonymous initiator is whoever wrote the opening: that session is the attacker's own, without a name.
            #expect(pair.acceptor.established?.peer.node == nil, "place \(place), byte \(byte)")
        }
        #expect(changeCount > 15)
    }

    // MARK: Made-up retries

    /// What the initiator does with a retry that nobody's responder wrote, and whether anything comes of it.
    private func forge(
        _ suite: [UInt8], offers: [UInt8], at flight: Int = 2, taken: SuitePreferences = .everything
    ) throws -> (events: [PeerEvent], acceptor: [PeerEvent], opens: Bool) {
        let (ada, ben) = (try TestNode(1), try TestNode(2, suites: taken))
        let forger = FlightForger(dialled: ben)
        var pair = PeerPair(ada, ben)
        pair.start()
        let opening = try forger.header(of: pair.toAcceptor, number: 1)
        if flight == 4 {
            pair.deliverToAcceptor()
            pair.deliverToDialler()
        }
        pair.deliverToAcceptor()
        pair.toDialler = try forger.retry(to: opening, number: UInt8(flight), suite: suite, offers: offers)
        pair.deliverToDialler()
        let opens = pair.toAcceptor.readableBytes > 0
        pair.run()
        pair.end()
        #expect(pair.dialler.established == nil && pair.acceptor.established == nil)
        return (pair.diallerEvents, pair.acceptorEvents, opens)
    }

    @Test func `a made-up retry leads to no session, even with a suite that both take`() throws {
        let forged = try forge([2, 2, 3], offers: [4, 4, 8])
        #expect(forged.opens)
        #expect(forged.acceptor == [.closed(.handshakeFailed)])
        #expect(forged.events == [.closed(.handshakeTimedOut)])
    }

    @Test(
        arguments: [
            ([1, 1, 1], [6, 6, 14]),  // what it began with
            ([2, 1, 1], [6, 6, 14]),  // by one that takes what it began with
            ([2, 1, 1], [0, 6, 14]),  // by one that does not take what it chooses
            ([3, 1, 1], [8, 6, 14]),  // what means nothing
            ([0, 0, 0], [6, 6, 14]),  // nothing in common, which is untrue
            ([0, 1, 1], [4, 6, 14]),  // half a suite
        ] as [([UInt8], [UInt8])])
    func `an initiator takes no retry that an honest responder would not write`(
        _ suite: [UInt8], _ offers: [UInt8]
    ) throws {
        let forged = try forge(suite, offers: offers)
        #expect(!forged.opens && forged.events == [.closed(.handshakeFailed)])
    }

    @Test func `an untrue word that nothing is in common is all that somebody in the middle can say`() throws {
        let forged = try forge([0, 0, 0], offers: [0x80, 6, 14])
        let failure = SessionFailure.noCommonSuite(
            offered: SuitePreferences.everything.offers, taken: SuiteOffers([0x80, 6, 14]))
        #expect(!forged.opens && forged.events == [.closed(failure)])
    }

    @Test func `a second retry is refused`() throws {
        let taken = SuitePreferences(only: SuiteRetryTests.other)
        let forged = try forge([2, 1, 1], offers: [4, 6, 14], at: 4, taken: taken)
        #expect(!forged.opens && forged.events == [.closed(.handshakeFailed)])
    }

    @Test func `a responder that sent a retry takes one second opening only`() throws {
        let taken = SuitePreferences(kems: [.mlkem1024], ciphers: [.aesGCM, .chaChaPoly], hashes: [.sha256])
        let (ada, ben) = (try TestNode(1), try TestNode(2, suites: taken))
        let forger = FlightForger(dialled: ben)
        for (place, byte) in [(4, 1), (5, 2), (6, 2), (7, 4), (13, 0xff)] as [(Int, UInt8)] {
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            pair.deliverToDialler()
            pair.toAcceptor = try forger.changed(pair.toAcceptor, number: 3, place, to: byte)
            pair.deliverToAcceptor()
            #expect(pair.acceptorEvents == [.closed(.handshakeFailed)] && pair.toDialler.readableBytes == 0)
        }
    }

    @Test func `a recorded second opening serves on no other connection`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2, suites: SuitePreferences(only: SuiteRetryTests.other)))
        var first = PeerPair(ada, ben)
        first.start()
        first.deliverToAcceptor()
        first.deliverToDialler()
        let opening = first.toAcceptor

        var second = PeerPair(ada, ben)
        second.start()
        second.toAcceptor = opening
        second.deliverToAcceptor()
        #expect(second.toDialler.readableBytes == 0)
        var third = PeerPair(ada, ben)
        third.start()
        third.deliverToAcceptor()
        third.toDialler = ByteBuffer()
        third.toAcceptor = opening
        third.deliverToAcceptor()
        third.run()
        #expect(third.acceptor.established == nil)
    }

    @Test func `a second opening that was taken once is not answered again, behind whatever opening`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2, suites: SuitePreferences(only: SuiteRetryTests.other)))
        var first = PeerPair(ada, ben)
        first.start()
        first.deliverToAcceptor()
        first.deliverToDialler()
        let recorded = first.toAcceptor
        first.run()
        #expect(first.agreed != nil)

        // Anybody who knows the node can make the opening before it; that of the same minute is another's, too.
        var second = PeerPair(ada, ben)
        second.start()
        second.deliverToAcceptor()
        second.toDialler = ByteBuffer()
        second.toAcceptor = recorded
        second.deliverToAcceptor()
        #expect(second.toDialler.readableBytes == 0 && second.acceptorEvents.isEmpty)
        second.end()
        #expect(second.acceptorEvents == [.closed(.unintelligible)])
    }

    @Test func `a second opening is as fresh as a first`() throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2, suites: SuitePreferences(only: SuiteRetryTests.other)))
        var pair = PeerPair(ada, ben)
        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()
        pair.clock = ManualClock(wall: pair.clock.wall + 6 * 60)
        pair.deliverToAcceptor()
        #expect(pair.toDialler.readableBytes == 0 && pair.acceptorEvents.isEmpty)
    }

    @Test func `who lacks the secret can make no retry`() throws {
        let secret = try SharedSecret(GuardedSecret([UInt8](repeating: 9, count: 32)))
        let ben = try TestNode(2, sharedSecret: secret)
        var pair = PeerPair(try TestNode(1, sharedSecret: secret), ben)
        pair.start()
        pair.toAcceptor = ByteBuffer()
        let opening = FlightHeader(
            versions: .spoken, pattern: .mutual, context: .peer, suite: [1, 1, 1], offers: [6, 6, 14], minute: 0)
        pair.toDialler = try FlightForger(dialled: ben).retry(
            to: opening, number: 2, suite: [2, 2, 3], offers: [4, 4, 8])
        pair.deliverToDialler()
        pair.end()
        #expect(pair.diallerEvents == [.closed(.unintelligible)] && pair.toAcceptor.readableBytes == 0)
    }
}

extension PeerPair {
    /// Replaces what is under way; `false` where it says already what it was to be changed to.
    fileprivate mutating func change(
        _ isToDialler: Bool, _ change: (ByteBuffer) throws -> ByteBuffer
    ) throws -> Bool {
        do {
            try replace(isToDialler, change)
            return true
        } catch is FlightForger.NotAFlight { return false }
    }
}
