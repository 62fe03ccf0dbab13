import GateModel
import Testing

@testable import GateKernel

@Suite struct StallWatchTests {
    private let start = MonotonicInstant(nanoseconds: 0)
    private let much = SessionEndpoint.highWaterBytes + 1

    @Test func `a peer that takes nothing for a minute is found, not sooner`() {
        var watch = StallWatch()
        let looks = [0, 30, 59, 60].map { watch.isStalled(waiting: much, sealed: 5, at: start + .seconds($0)) }
        #expect(looks == [false, false, false, true])
    }

    @Test func `a peer that reads slowly is let be, however much waits`() {
        var watch = StallWatch()
        let looks = (0..<100).map {
            watch.isStalled(waiting: much + $0, sealed: UInt64($0), at: start + .seconds($0 * 50))
        }
        #expect(!looks.contains(true))
    }

    @Test func `time counts from when much waits`() {
        var watch = StallWatch()
        let looks = [(0, much), (100, much - 1), (200, much), (260, much)].map { seconds, waiting in
            watch.isStalled(waiting: waiting, sealed: 5, at: start + .seconds(seconds))
        }
        #expect(looks == [false, false, false, true])
    }
}
