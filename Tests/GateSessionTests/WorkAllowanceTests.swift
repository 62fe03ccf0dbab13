import GateModel
import GateTestKit
import GateWire
import Testing

@testable import GateSession

@Suite struct WorkAllowanceTests {
    private let unused = WorkAllowance()
    /// Streams that one session may begin at once.
    private let atOnce = WorkAllowance.burstBytes / WorkAllowance.streamBytes
    private let inSecond = WorkAllowance.bytesPerSecond / WorkAllowance.streamBytes

    @Test func `an allowance is used up at once or over time`() {
        var allowance = WorkAllowance()
        let now = ManualClock().now
        #expect(allowance.pause(at: now, shared: unused) == nil)
        allowance.count(unfolded: WorkAllowance.burstBytes, at: now)
        #expect(allowance.pause(at: now, shared: unused) == nil)
        allowance.count(unfolded: WorkAllowance.bytesPerSecond, at: now)
        #expect(allowance.pause(at: now, shared: unused) == now + .seconds(1))
        #expect(allowance.pause(at: now + .seconds(1), shared: unused) == nil)

        allowance.count(unfolded: 1, at: now + .seconds(100))
        let rest = WorkAllowance.burstBytes - WorkAllowance.messageBytesMin
        allowance.count(unfolded: rest, at: now + .seconds(100))
        #expect(allowance.pause(at: now + .seconds(100), shared: unused) == nil, "what was long ago is forgotten")
        allowance.count(unfolded: 1, at: now + .seconds(100))
        #expect(allowance.pause(at: now + .seconds(100), shared: unused) != nil)
    }

    @Test func `who owes nothing does not wait for those who do`() {
        let now = ManualClock().now
        var (shared, allowance) = (WorkAllowance(sessionCount: 4), WorkAllowance())
        shared.count(unfolded: 5 * WorkAllowance.bytesPerSecond, at: now)
        #expect(allowance.pause(at: now, shared: shared) == nil)
        allowance.count(unfolded: 1, at: now)
        #expect(allowance.pause(at: now, shared: shared) == now + .milliseconds(1125))
    }

    @Test func `streams that are opened and reset are read as fast as they may be begun`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        let start = pair.clock.now
        let all = atOnce + inSecond
        try openAndReset(all, &pair)
        #expect((atOnce..<atOnce + 200).contains(pair.acceptorEvents.count / 2))

        while pair.acceptorEvents.count < 2 * all, pair.clock.now < start + .seconds(10) { pass(&pair) }
        #expect((.milliseconds(900)...(.milliseconds(1100))).contains(pair.clock.now - start))
    }

    @Test func `many sessions of a loop have what four have`() throws {
        let acceptor = try TestNode(2)
        let limit = WorkAllowance.sessionsPerLoop * (atOnce + inSecond)
        var (pairs, total) = ([FloodingPair](), 0)
        for number in 0..<8 { pairs.append(try FloodingPair(TestNode(UInt8(10 + number)), acceptor)) }
        for pair in pairs { try openAndReset(atOnce + inSecond, &pair.pair) }
        for _ in 0..<20 { for pair in pairs { pass(&pair.pair) } }
        for pair in pairs { total += pair.pair.acceptorEvents.count / 2 }
        // Each goes on to the end of a record of some hundred.
        #expect((limit * 9 / 10...limit + 8 * 200).contains(total))
        let counts = pairs.map { $0.pair.acceptorEvents.count / 2 }
        #expect(counts.allSatisfy { $0 > limit / 16 }, "none is left out")
    }

    private func openAndReset(_ count: Int, _ pair: inout PeerPair) throws {
        for number in 1...count {
            let made = pair.dialler.makeAlias()
            let alias = try #require(made)
            pair.dialler.enqueue(SessionTests.open(alias))
            pair.dialler.enqueue(.streamReset(alias: alias, code: 1))
            if number % 100 == 0 || number == count { pair.run() }
        }
    }

    /// A twentieth of a second.
    private func pass(_ pair: inout PeerPair) {
        pair.clock.advance(by: .milliseconds(50))
        pair.acceptor.deadlinePassed(at: pair.clock.now, events: &pair.acceptorEvents)
        if pair.acceptor.resumesReading == nil { pair.deliverToAcceptor() }
    }
}

private final class FloodingPair {
    var pair: PeerPair

    init(_ dialler: TestNode, _ acceptor: TestNode) throws {
        pair = PeerPair(dialler, acceptor)
        pair.establish()
    }
}
