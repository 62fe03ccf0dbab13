import GateCrypto
import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateSession

extension PeerPair {
    /// Runs, and lets time pass to the next deadline wherever a flight waits.
    fileprivate mutating func runWaiting() {
        run()
        while dialler.isDeparting || acceptor.isDeparting {
            guard let deadline = [dialler.nextDeadline, acceptor.nextDeadline].compactMap(\.self).min() else { return }
            if deadline > clock.now { clock.advance(by: deadline - clock.now) }
            dialler.deadlinePassed(at: clock.now, events: &diallerEvents)
            acceptor.deadlinePassed(at: clock.now, events: &acceptorEvents)
            run()
        }
    }
}

@Suite struct Departures {
    static func settings(_ delay: Duration, pieces: Int = 1, time: Duration = .seconds(10)) -> SessionSettings {
        var settings = SessionSettings.withoutPadding
        settings.flightDelay = delay
        settings.flightPieces = pieces
        settings.handshakeTime = time
        return settings
    }

    /// When the pieces of an opening leave, counted from its beginning, and their lengths.
    private func opening(_ ada: TestNode, _ ben: TestNode) throws -> [(after: Duration, bytes: Int)] {
        let clock = ManualClock()
        var connection = PeerConnection(
            dialling: ben.node, presence: .mutual(ada.credentials), environment: ada.environment)
        var (output, events): (ByteBuffer, [PeerEvent]) = (ByteBuffer(), [])
        connection.start(at: clock.now, wall: clock.wall, into: &output, events: &events)
        var pieces: [(Duration, Int)] = []
        if output.readableBytes > 0 { pieces.append((.zero, output.readableBytes)) }
        while connection.isDeparting {
            let deadline = connection.nextDeadline
            let moment = try #require(deadline)
            connection.deadlinePassed(at: moment, events: &events)
            output.clear()
            connection.seal(into: &output, budget: 1)
            pieces.append((moment - clock.now, output.readableBytes))
        }
        return pieces
    }

    @Test func `without a delay a flight leaves at once and whole, whatever the pieces`() throws {
        let pieces = try opening(TestNode(1, settings: Self.settings(.zero, pieces: 8)), TestNode(2))
        #expect(pieces.count == 1 && pieces[0].after == .zero && pieces[0].bytes == 1_298)
    }

    @Test func `each flight waits a time drawn evenly up to the longest`() throws {
        let (ada, ben) = (try TestNode(1, settings: Self.settings(.milliseconds(100))), try TestNode(2))
        var tenths = [Int](repeating: 0, count: 10)
        for _ in 0..<1_000 {
            let pieces = try opening(ada, ben)
            #expect(pieces.count == 1 && pieces[0].bytes == 1_298)
            tenths[min(Int(pieces[0].after / .milliseconds(10)), 9)] += 1
        }
        // Chi-square with 9 degrees of freedom is above 34 once in 10,000 times.
        #expect(tenths.map { Double(($0 - 100) * ($0 - 100)) / 100 }.reduce(0, +) < 34)
    }

    @Test func `pieces have any length and any moment, and none is a flight`() throws {
        let (ada, ben) = (try TestNode(1, settings: Self.settings(.milliseconds(100), pieces: 5)), try TestNode(2))
        var (counts, lengths): ([Int: Int], Set<Int>) = ([:], [])
        for _ in 0..<400 {
            let pieces = try opening(ada, ben)
            counts[pieces.count, default: 0] += 1
            lengths.formUnion(pieces.map(\.bytes))
            #expect(pieces.map(\.bytes).reduce(0, +) == 1_298 && pieces.allSatisfy { (1..<1_298).contains($0.bytes) })
            #expect(pieces.allSatisfy { (.zero ... .milliseconds(100)).contains($0.after) })
            #expect(pieces.map(\.after) == pieces.map(\.after).sorted())
        }
        #expect(Set(counts.keys) == [2, 3, 4, 5] && counts.values.allSatisfy { $0 > 50 })
        #expect(lengths.count > 300)
    }

    @Test func `however late a driver is, pieces are writes of their own`() throws {
        let ada = try TestNode(1, settings: Self.settings(.milliseconds(100), pieces: 8))
        var pair = PeerPair(ada, try TestNode(2))
        pair.start()
        pair.clock.advance(by: .seconds(1))
        var written: [Int] = []
        while pair.dialler.isDeparting {
            pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
            var piece = ByteBuffer()
            pair.dialler.seal(into: &piece, budget: .max >> 1)
            written.append(piece.readableBytes)
        }
        #expect(written.count > 1 && written.reduce(0, +) == 1_298)
    }

    @Test(arguments: [1, 2, 8], [false, true])
    func `a handshake comes to its end, and what is said meanwhile goes behind it`(
        _ pieces: Int, takesRetry: Bool
    ) throws {
        let settings = Self.settings(.milliseconds(250), pieces: pieces)
        let taken = takesRetry ? SuitePreferences(only: SuiteRetryTests.other) : .everything
        for number in 0..<20 {
            var pair = PeerPair(
                try TestNode(1, settings: settings), try TestNode(2, suites: taken, settings: settings),
                isAnonymous: number.isMultiple(of: 4))
            let start = pair.clock.now
            pair.start()
            while pair.dialler.established == nil { pair.runOneMoment() }
            pair.dialler.enqueue(.extenders([SessionTests.extender]))
            pair.runWaiting()

            #expect(pair.agreed != nil)
            #expect(pair.acceptorEvents.last == .message(.extenders([SessionTests.extender])))
            #expect(pair.clock.now - start <= .milliseconds(250 * (takesRetry ? 5 : 3)))
        }
    }

    @Test(arguments: [Duration.seconds(2), .seconds(1)]) func `delays do not use a handshake's time up`(
        _ time: Duration
    ) throws {
        let settings = Self.settings(.seconds(2), pieces: 16, time: time)
        let taken = SuitePreferences(only: SuiteRetryTests.other)
        for _ in 0..<50 {
            var pair = PeerPair(
                try TestNode(1, settings: settings), try TestNode(2, suites: taken, settings: settings))
            let start = pair.clock.now
            pair.start()
            pair.runWaiting()
            #expect(pair.agreed != nil)
            #expect(pair.clock.now - start < time / 2)
        }
    }

    @Test func `the word that no suite is in common leaves before the connection ends`() throws {
        let settings = Self.settings(.milliseconds(100), pieces: 4)
        var pair = PeerPair(
            try TestNode(1, suites: SuitePreferences(only: .standard), settings: settings),
            try TestNode(2, suites: SuitePreferences(only: SuiteRetryTests.other), settings: settings))
        pair.start()
        pair.runWaiting()
        let closed = [pair.diallerEvents.last, pair.acceptorEvents.last].map { (last: PeerEvent?) -> Bool in
            if case .closed(.noCommonSuite)? = last { true } else { false }
        }
        #expect(closed == [true, true])
    }

    @Test func `a session that is closed at once says so behind its last flight`() throws {
        let settings = Self.settings(.milliseconds(100), pieces: 4)
        var pair = PeerPair(try TestNode(1, settings: settings), try TestNode(2))
        pair.start()
        while pair.dialler.established == nil { pair.runOneMoment() }
        #expect(pair.dialler.isDeparting == true)
        pair.dialler.close(.done, events: &pair.diallerEvents)
        pair.run()
        #expect(pair.acceptorEvents.last == .closed(.closedByPeer(.done)))
    }

    @Test func `inside circuits no flight waits`() throws {
        let settings = Self.settings(.milliseconds(100), pieces: 4)
        var pair = PeerPair(
            try TestNode(1, settings: settings), try TestNode(2, settings: settings), context: .endToEnd)
        pair.start()
        pair.run()
        #expect(pair.agreed != nil)
    }
}

extension PeerPair {
    /// Delivers what is under way, then lets time pass to the next deadline.
    fileprivate mutating func runOneMoment() {
        dialler.seal(into: &toAcceptor, budget: .max >> 1)
        acceptor.seal(into: &toDialler, budget: .max >> 1)
        if toAcceptor.readableBytes > 0 { deliverToAcceptor() }
        if toDialler.readableBytes > 0 { return deliverToDialler() }
        guard let deadline = [dialler.nextDeadline, acceptor.nextDeadline].compactMap(\.self).min() else { return }
        if deadline > clock.now { clock.advance(by: deadline - clock.now) }
        dialler.deadlinePassed(at: clock.now, events: &diallerEvents)
        acceptor.deadlinePassed(at: clock.now, events: &acceptorEvents)
    }
}
