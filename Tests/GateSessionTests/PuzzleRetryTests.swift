import GateAccess
import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct PuzzleRetryTests {
    static let only = SuitePreferences(only: SuiteRetryTests.other)

    /// Two nodes, the second of them under load.
    private func nodes(
        taken: SuitePreferences = .everything, doublings: Int = 0, secret: SharedSecret? = nil,
        settings: SessionSettings = .withoutPadding, entropy: HandshakeEntropy = .system
    ) throws -> (ada: TestNode, ben: TestNode) {
        let ben = try TestNode(2, sharedSecret: secret, suites: taken, settings: settings, entropy: entropy)
        ben.load(doublings: doublings)
        return (try TestNode(1, sharedSecret: secret, settings: settings), ben)
    }

    /// What is said up to the retry, which the dialler has.
    private func challenged(_ ada: TestNode, _ ben: TestNode, isAnonymous: Bool = false) -> PeerPair {
        var pair = PeerPair(ada, ben, isAnonymous: isAnonymous)
        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()
        return pair
    }

    private func end(_ pair: inout PeerPair) {
        pair.clock.advance(by: .seconds(120))
        pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
        pair.acceptor.deadlinePassed(at: pair.clock.now, events: &pair.acceptorEvents)
    }

    @Test(arguments: [false, true], [false, true])
    func `under load a dialler solves a puzzle, and has a session`(isAnonymous: Bool, hasSecret: Bool) throws {
        let secret = try SharedSecret(GuardedSecret([UInt8](repeating: 9, count: 32)))
        for taken in [SuitePreferences.everything, Self.only] {
            let (ada, ben) = try nodes(taken: taken, secret: hasSecret ? secret : nil)
            var pair = challenged(ada, ben, isAnonymous: isAnonymous)
            #expect(pair.dialler.puzzle?.effort == PuzzleEffort.least && pair.toAcceptor.readableBytes == 0)

            pair.run()
            #expect(pair.agreed != nil && pair.dialler.puzzle == nil)
            #expect(ben.environment.puzzles.asked == 1 && ben.environment.puzzles.accepted == 1)
            #expect(ada.environment.puzzles.solved == 1)
            pair.dialler.enqueue(.extenders([ShippedExtender.socks5]))
            pair.run()
            #expect(pair.acceptorEvents.last == .message(.extenders([ShippedExtender.socks5])))
        }
    }

    @Test func `a retry for a puzzle repeats the suite, has 33 bytes of message, and costs no key`() throws {
        let counter = DrawCounter()
        let (ada, ben) = try nodes(doublings: 2, entropy: counter.entropy)
        var pair = PeerPair(ada, ben)
        pair.start()
        pair.deliverToAcceptor()

        let retry = try FlightForger(dialled: ben).header(of: pair.toDialler, number: 2)
        #expect(retry.kind == .retry && retry.suite == [1, 1, 1] && retry.messageBytes == Puzzle.byteCount)
        #expect(counter.count == 0 && pair.claims.isEmpty)
        pair.deliverToDialler()
        #expect(pair.dialler.puzzle?.effort == PuzzleEffort.least + 2)
        pair.run()
        #expect(pair.agreed != nil && counter.count > 0)
    }

    @Test func `another suite and a puzzle come in one retry`() throws {
        let (ada, ben) = try nodes(taken: Self.only)
        var pair = PeerPair(ada, ben)
        pair.start()
        pair.deliverToAcceptor()
        let retry = try FlightForger(dialled: ben).header(of: pair.toDialler, number: 2)
        #expect(retry.suite == [2, 2, 3] && retry.messageBytes == Puzzle.byteCount)

        pair.deliverToDialler()
        pair.solve()
        pair.deliverToAcceptor()
        let answer = try FlightForger(dialled: ben).header(of: pair.toDialler, number: 4)
        #expect(answer.kind == .handshake && answer.suite == [2, 2, 3])
    }

    @Test func `retries are as long with a puzzle as without`() throws {
        var lengths: Set<Int> = []
        for (taken, loaded) in [(Self.only, false), (Self.only, true), (SuitePreferences.everything, true)] {
            let ben = try TestNode(2, suites: taken, settings: .withoutPadding)
            if loaded { ben.load() }
            var pair = PeerPair(try TestNode(1), ben)
            pair.start()
            pair.deliverToAcceptor()
            lengths.insert(pair.toDialler.readableBytes)
        }
        #expect(lengths.count == 1)
    }

    @Test func `who has no suite in common is told so, without a puzzle`() throws {
        let ben = try TestNode(2, suites: Self.only)
        ben.load()
        var pair = PeerPair(try TestNode(1, suites: SuitePreferences(only: .standard)), ben)
        pair.start()
        pair.run()

        let failure = SessionFailure.noCommonSuite(
            offered: SuitePreferences(only: .standard).offers, taken: Self.only.offers)
        #expect(pair.diallerEvents == [.closed(failure)] && pair.acceptorEvents == [.closed(failure)])
        #expect(ben.environment.puzzles.asked == 0)
    }

    // MARK: Solutions that are none

    @Test func `a wrong solution is closed without a word, and costs no key`() throws {
        let counter = DrawCounter()
        let (ada, ben) = try nodes(doublings: 6, entropy: counter.entropy)
        var pair = challenged(ada, ben)
        let asked = pair.dialler.puzzle
        let puzzle = try #require(asked)
        let wrong = try #require((0...UInt64.max).first { !puzzle.isSolved(by: $0) })
        pair.dialler.solved(
            wrong, at: pair.clock.now, wall: pair.clock.wall, into: &pair.toAcceptor, events: &pair.diallerEvents)
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.puzzleUnsolved)] && pair.toDialler.readableBytes == 0)
        #expect(counter.count == 0)
        #expect(ben.environment.puzzles.wrong == 1 && ben.environment.puzzles.accepted == 0)
    }

    @Test func `a solution of another connection's challenge is none here`() throws {
        let (ada, ben) = try nodes(doublings: 6)
        let other = challenged(ada, ben)
        let found = other.dialler.puzzle?.solution(in: 0...UInt64.max)
        let solution = try #require(found)
        var pair = challenged(ada, ben)
        pair.dialler.solved(
            solution, at: pair.clock.now, wall: pair.clock.wall, into: &pair.toAcceptor, events: &pair.diallerEvents)
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.puzzleUnsolved)] && pair.toDialler.readableBytes == 0)
    }

    @Test(arguments: [[], [1, 2, 3, 4, 5, 6, 7], [UInt8](repeating: 0, count: 1300)] as [[UInt8]])
    func `a second opening without a solution is closed`(_ message: [UInt8]) throws {
        let (ada, ben) = try nodes(doublings: 10)
        let forger = FlightForger(dialled: ben)
        var pair = PeerPair(ada, ben)
        pair.start()
        let opening = try forger.header(of: pair.toAcceptor, number: 1)
        pair.deliverToAcceptor()
        pair.toDialler = ByteBuffer()
        pair.toAcceptor = try forger.flight(opening, number: 3, message: message)
        pair.deliverToAcceptor()

        #expect(pair.acceptorEvents == [.closed(.puzzleUnsolved)] && pair.toDialler.readableBytes == 0)
    }

    @Test func `no byte of puzzle or solution that somebody changes on the way survives`() throws {
        var refusals: Set<SessionFailure> = []
        for place in 0..<Puzzle.byteCount + Puzzle.solutionByteCount {
            let (ada, ben) = try nodes()
            let forger = FlightForger(dialled: ben)
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            let isOfRetry = place < Puzzle.byteCount
            if isOfRetry {
                // A bit more of effort, whose solution serves for what was asked, too; or another challenge.
                pair.toDialler = try forger.messageChanged(pair.toDialler, number: 2, place) { $0 ^ 1 }
            }
            pair.deliverToDialler()
            pair.solve()
            if !isOfRetry {
                let place = place - Puzzle.byteCount
                pair.toAcceptor = try forger.messageChanged(pair.toAcceptor, number: 3, place) { $0 ^ 1 }
            }
            pair.run()
            end(&pair)
            #expect(pair.dialler.established == nil && pair.acceptor.established == nil, "byte \(place)")
            for case .closed(let failure) in pair.acceptorEvents + pair.diallerEvents { refusals.insert(failure) }
        }
        // The effort that was raised shows in the hash alone, so to the dialler first; then the other side waits in vain.
        #expect(refusals == [.puzzleUnsolved, .handshakeFailed, .handshakeTimedOut])
    }

    // MARK: Puzzles that no honest responder asks for

    /// What the dialler does with that retry in place of the second flight, or of the fourth.
    private func forged(
        _ puzzle: [UInt8], suite: [UInt8] = [1, 1, 1], offers: [UInt8] = [6, 6, 14], number: UInt8 = 2,
        context: HandshakeContext = .peer
    ) throws -> (events: [PeerEvent], hasPuzzle: Bool, opens: Bool, counts: PuzzleCount) {
        let (ada, ben) = try nodes()
        let forger = FlightForger(dialled: ben)
        var pair = PeerPair(ada, ben, context: context)
        pair.start()
        let opening = try forger.header(of: pair.toAcceptor, number: 1)
        if number == 4 {
            pair.deliverToAcceptor()
            pair.deliverToDialler()
            pair.solve()
        }
        pair.toAcceptor = ByteBuffer()
        pair.toDialler = try forger.retry(to: opening, number: number, suite: suite, offers: offers, puzzle: puzzle)
        pair.deliverToDialler()
        let (hasPuzzle, opens) = (pair.dialler.puzzle != nil, pair.toAcceptor.readableBytes > 0)
        return (pair.diallerEvents, hasPuzzle, opens, ada.environment.puzzles)
    }

    private static func puzzle(_ effort: UInt8) -> [UInt8] { [effort] + [UInt8](repeating: 5, count: 32) }

    @Test(arguments: [UInt8(1), PuzzleEffort.least, PuzzleEffort.most])
    func `a dialler takes any effort up to the most`(_ effort: UInt8) throws {
        let forged = try forged(Self.puzzle(effort))
        #expect(forged.events.isEmpty && forged.hasPuzzle && !forged.opens)
    }

    @Test(arguments: [PuzzleEffort.most + 1, .max]) func `a dialler solves nothing harder, and says so`(
        _ effort: UInt8
    ) throws {
        let forged = try forged(Self.puzzle(effort))
        #expect(forged.events == [.closed(.puzzleTooHard(effort: effort))] && !forged.hasPuzzle && !forged.opens)
        #expect(forged.counts.tooHard == 1 && forged.counts.solved == 0)
    }

    @Test(
        arguments: [
            ([1, 1, 1], [4, 4, 8], 10),  // the suite kept by one that does not take it
            ([2, 1, 1], [6, 6, 14], 10),  // another suite by one that takes what was dialled
            ([0, 0, 0], [8, 8, 16], 10),  // a puzzle beside no suite
            ([1, 1, 1], [6, 6, 14], 0),  // no effort
        ] as [([UInt8], [UInt8], UInt8)])
    func `a dialler takes no puzzle in a retry that no honest responder would write`(
        _ suite: [UInt8], _ offers: [UInt8], _ effort: UInt8
    ) throws {
        let forged = try forged(Self.puzzle(effort), suite: suite, offers: offers)
        #expect(forged.events == [.closed(.handshakeFailed)] && !forged.hasPuzzle && !forged.opens)
    }

    @Test func `a retry without a puzzle that keeps the suite has no reason`() throws {
        #expect(try forged([]).events == [.closed(.handshakeFailed)])
    }

    @Test func `a second puzzle is refused`() throws {
        let forged = try forged(Self.puzzle(10), number: 4)
        #expect(forged.events == [.closed(.handshakeFailed)] && !forged.hasPuzzle)
    }

    @Test(arguments: [HandshakeContext.hop, .endToEnd])
    func `over circuits nobody asks for a puzzle, and none is solved`(_ context: HandshakeContext) throws {
        let forged = try forged(Self.puzzle(10), context: context)
        #expect(forged.events == [.closed(.handshakeFailed)] && !forged.hasPuzzle)

        let (ada, ben) = try nodes()
        var pair = PeerPair(ada, ben, context: context)
        pair.start()
        pair.deliverToAcceptor()
        let answer = try FlightForger(dialled: ben).header(of: pair.toDialler, number: 2)
        #expect(answer.kind == .handshake)
        #expect(ben.environment.puzzleLoad.answerCount == TestNode.puzzleThreshold)
    }

    // MARK: While it is solved

    @Test func `time goes on while a puzzle is solved, and a late solution does nothing`() throws {
        let (ada, ben) = try nodes()
        var pair = PeerPair(ada, ben)
        pair.start()
        let deadline = pair.dialler.nextDeadline
        pair.deliverToAcceptor()
        pair.deliverToDialler()
        #expect(pair.dialler.nextDeadline == deadline)
        let found = pair.dialler.puzzle?.solution(in: 0...UInt64.max)
        let solution = try #require(found)

        end(&pair)
        #expect(pair.diallerEvents == [.closed(.handshakeTimedOut)] && pair.dialler.puzzle == nil)
        pair.dialler.solved(
            solution, at: pair.clock.now, wall: pair.clock.wall, into: &pair.toAcceptor, events: &pair.diallerEvents)
        #expect(pair.toAcceptor.readableBytes == 0 && pair.diallerEvents.count == 1)
    }

    @Test func `bytes that come while a puzzle is solved are no flight`() throws {
        let (ada, ben) = try nodes()
        var pair = challenged(ada, ben)
        pair.toDialler = ByteBuffer(bytes: [1])
        pair.deliverToDialler()
        #expect(pair.dialler.isDiscarding && pair.dialler.puzzle == nil && pair.diallerEvents.isEmpty)
        end(&pair)
        #expect(pair.diallerEvents == [.closed(.unintelligible)])
    }

    @Test func `a solution where none is asked for does nothing`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.start()
        pair.toAcceptor = ByteBuffer()
        pair.dialler.solved(
            7, at: pair.clock.now, wall: pair.clock.wall, into: &pair.toAcceptor, events: &pair.diallerEvents)
        #expect(pair.toAcceptor.readableBytes == 0 && pair.diallerEvents.isEmpty)
    }
}

/// Counts the ephemeral keys that a handshake draws.
private final class DrawCounter: @unchecked Sendable {  // used on one thread
    var count = 0

    var entropy: HandshakeEntropy {
        HandshakeEntropy { bytes in
            self.count += 1
            SystemEntropy.fill(bytes)
        }
    }
}
