import GateAccess
import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// What handshakes count for how hard puzzles are.
@Suite struct PuzzleLoadTests {
    private func nodes(threshold: Int) throws -> (ada: TestNode, ben: TestNode) {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        ben.environment.puzzleLoad.threshold = threshold
        return (ada, ben)
    }

    /// An opening that is answered or challenged, and nothing after it.
    private func abandon(_ ada: TestNode, _ ben: TestNode, _ clock: ManualClock = ManualClock()) {
        var pair = PeerPair(ada, ben)
        pair.clock = clock
        pair.start()
        pair.deliverToAcceptor()
    }

    @Test func `honest handshakes leave nothing behind`() throws {
        let (ada, ben) = try nodes(threshold: 2)
        for _ in 0..<20 {
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            #expect(ben.environment.puzzleLoad.answerCount == 1)
            pair.run()
            #expect(pair.agreed != nil)
        }
        #expect(ben.environment.puzzleLoad.answerCount == 0 && ben.environment.puzzles.asked == 0)
    }

    @Test func `a retry for another suite counts at once, and its second opening no more`() throws {
        let (ada, ben) = try nodes(threshold: 3)
        ben.environment.suites = PuzzleRetryTests.only
        for count in 1...2 {
            abandon(ada, ben)
            #expect(ben.environment.puzzleLoad.answerCount == count)
        }
        var pair = PeerPair(ada, ben)
        pair.start()
        pair.deliverToAcceptor()
        pair.deliverToDialler()
        #expect(pair.dialler.puzzle == nil)
        pair.deliverToAcceptor()
        #expect(ben.environment.puzzleLoad.answerCount == 3)
        pair.run()
        #expect(pair.agreed != nil && ben.environment.puzzleLoad.answerCount == 2)

        abandon(ada, ben)
        #expect(ben.environment.puzzles.asked == 0)
        abandon(ada, ben)
        #expect(ben.environment.puzzles.asked == 1)
    }

    @Test func `an opening whose keys can't be counts as given up`() throws {
        let (ada, ben) = try nodes(threshold: 2)
        let forger = FlightForger(dialled: ben)
        var pair = PeerPair(ada, ben)
        pair.start()
        pair.toAcceptor = try forger.flight(
            forger.header(of: pair.toAcceptor, number: 1), number: 1, message: [UInt8](repeating: 0, count: 32 + 1184))
        pair.deliverToAcceptor()
        #expect(pair.acceptorEvents == [.closed(.handshakeFailed)] && ben.environment.puzzleLoad.answerCount == 1)
    }

    @Test func `an anonymous dialler counts until a record of its opens`() throws {
        let (ada, ben) = try nodes(threshold: 2)
        var pair = PeerPair(ada, ben, isAnonymous: true)
        pair.start()
        pair.run()
        #expect(pair.agreed != nil && ben.environment.puzzleLoad.answerCount == 1)
        pair.dialler.enqueue(.ping(7))
        pair.run()
        #expect(ben.environment.puzzleLoad.answerCount == 0)
    }

    @Test func `who is proven and not admitted counts as given up`() throws {
        let (ada, ben) = try nodes(threshold: 2)
        var pair = PeerPair(ada, ben)
        pair.acceptorAdmits = false
        pair.start()
        pair.run()
        #expect(pair.acceptorEvents == [.closed(.notAdmitted)] && ben.environment.puzzleLoad.answerCount == 1)
    }

    @Test func `openings that nobody follows raise the effort, which time takes back`() throws {
        let (ada, ben) = try nodes(threshold: 4)
        var clock = ManualClock()
        for _ in 0..<4 { abandon(ada, ben, clock) }
        #expect(ben.environment.puzzleLoad.effort == PuzzleEffort.least && ben.environment.puzzles.asked == 0)

        // From here on they are challenged, cost no answer, and raise it no further.
        for _ in 0..<50 { abandon(ada, ben, clock) }
        #expect(ben.environment.puzzleLoad.effort == PuzzleEffort.least && ben.environment.puzzles.asked == 50)

        var honest = PeerPair(ada, ben)
        honest.clock = clock
        honest.start()
        honest.run()
        #expect(honest.agreed != nil && ben.environment.puzzles.accepted == 1)

        clock.advance(by: .seconds(20))
        var later = PeerPair(ada, ben)
        later.clock = clock
        later.start()
        later.deliverToAcceptor()
        later.deliverToDialler()
        #expect(later.dialler.established != nil && ben.environment.puzzles.asked == 51)
        #expect(ben.environment.puzzleLoad.effort == 0)
    }

    @Test func `whoever solves and then leaves makes it harder`() throws {
        let (ada, ben) = try nodes(threshold: 4)
        for _ in 0..<4 { abandon(ada, ben) }
        var efforts: [UInt8] = []
        for _ in 0..<12 {
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            pair.deliverToDialler()
            efforts.append(pair.dialler.puzzle?.effort ?? 0)
            pair.solve()
            pair.deliverToAcceptor()
        }
        #expect(efforts == [14, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15])
    }
}
