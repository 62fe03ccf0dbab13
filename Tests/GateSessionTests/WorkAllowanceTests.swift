import GateModel
import GateTestKit
import GateWire
import Testing

@testable import GateSession

@Suite struct WorkAllowanceTests {
    @Test func `an allowance is used up at once or over time`() {
        var allowance = WorkAllowance()
        let now = ManualClock().now
        #expect(allowance.pause(at: now) == nil)
        allowance.count(unfolded: WorkAllowance.burstBytes, at: now)
        #expect(allowance.pause(at: now) == nil)
        allowance.count(unfolded: WorkAllowance.bytesPerSecond, at: now)
        #expect(allowance.pause(at: now) == now + .seconds(1))
        #expect(allowance.pause(at: now + .seconds(1)) == nil)

        allowance.count(unfolded: 1, at: now + .seconds(100))
        let rest = WorkAllowance.burstBytes - WorkAllowance.messageBytesMin
        allowance.count(unfolded: rest, at: now + .seconds(100))
        #expect(allowance.pause(at: now + .seconds(100)) == nil, "what was long ago is forgotten")
        allowance.count(unfolded: 1, at: now + .seconds(100))
        #expect(allowance.pause(at: now + .seconds(100)) != nil)
    }

    @Test func `streams that are opened and reset are read as fast as they may be begun`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        let (atOnce, inSecond) = (
            WorkAllowance.burstBytes / WorkAllowance.streamBytes,
            WorkAllowance.bytesPerSecond / WorkAllowance.streamBytes
        )
        let start = pair.clock.now
        for _ in 0..<(atOnce + inSecond) / 100 {
            for _ in 0..<100 {
                let made = pair.dialler.makeAlias()
                let alias = try #require(made)
                pair.dialler.enqueue(SessionTests.open(alias))
                pair.dialler.enqueue(.streamReset(alias: alias, code: 1))
            }
            pair.run()
        }
        let early = pair.acceptorEvents.count / 2
        #expect((atOnce..<atOnce + 200).contains(early))

        while pair.acceptor.resumesReading != nil, pair.clock.now < start + .seconds(10) {
            pair.clock.advance(by: .milliseconds(50))
            pair.acceptor.deadlinePassed(at: pair.clock.now, events: &pair.acceptorEvents)
            pair.deliverToAcceptor()
        }
        #expect(pair.acceptorEvents.count == 2 * 100 * ((atOnce + inSecond) / 100))
        #expect((.milliseconds(900)...(.milliseconds(1100))).contains(pair.clock.now - start))
    }
}
