import GateLink
import GateModel
import GateStore
import Testing

@testable import GateKernel

@Suite struct WorkerHealthTests {
    private let start = MonotonicInstant(nanoseconds: 0)
    private let wall = UnixTime(seconds: 1_000)

    private func health() -> WorkerHealth { WorkerHealth(certifiedUntil: UnixTime(seconds: 2_000), at: start) }

    @Test func `a worker whose database is silent for too long is not ready until it answers`() {
        let health = health()
        let late = start + (WorkerHealth.databaseSilenceMax + .seconds(1))
        #expect(health.unreadiness(at: start + .seconds(1), wall: wall) == nil)
        #expect(health.unreadiness(at: late, wall: wall) == "the database service has not answered for 31 s")
        health.heard(at: late)
        #expect(health.unreadiness(at: late, wall: wall) == nil)
    }

    @Test func `a worker without a valid certificate is not ready until it is renewed`() {
        let health = health()
        let end = UnixTime(seconds: 2_000)
        #expect(health.unreadiness(at: start, wall: end)?.contains("certificate") == true)
        health.certified(until: UnixTime(seconds: 3_000))
        #expect(health.unreadiness(at: start, wall: end) == nil)
    }

    @Test func `who is let in by default is not allowed by UUID`() {
        let table = PeerTable()
        let (known, stranger) = (NodeUUID(UUIDBytes(high: 1, low: 1)), NodeUUID(UUIDBytes(high: 2, low: 2)))
        table.fill([known: .allowed])
        #expect(table.isAllowed(.node(known)))
        #expect(!table.isAllowed(.node(stranger)))
        #expect(!table.isAllowed(.anonymous))
        table.decide(known, .denied)
        #expect(!table.isAllowed(.node(known)))
    }
}
