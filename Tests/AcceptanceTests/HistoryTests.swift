import Foundation
import GateCommand
import GateTestKit
import Testing

extension Acceptance {
    /// Kernel workers, database service and PostgreSQL as processes, peers that stream through replicas of an extender,
    /// and `bench history`, which lets workers be killed, stopped and cut off at random and judges everybody's journals.
    /// The same command with 1,000 faults takes three quarters of an hour.
    @Suite struct `Workers that are superseded` {
        @Test(.needsPostgreSQL)
        func `a stale worker has no effect: no byte, message or write of an epoch that was superseded`() async throws {
            let figures = try await BenchRun.figures(of: [
                "history", "--strikes", "20", "--seed", "20", "--workers", "7", "--peers", "6", "--replicas", "2",
            ])
            #expect(figures["history.violations"]?.value == 0)
            #expect(figures["history.stuck"]?.value == 0)
            let takeovers = try #require(figures["history.takeovers"]).value
            #expect(takeovers > 0, "sessions moved")
            let refused = try #require(figures["history.refused"])
            #expect(refused.detail["bytes"] ?? 0 > 0 && refused.detail["writes"] ?? 0 > 0, "stale workers did try")
            let streams = try #require(figures["history.streams"])
            #expect(streams.detail["whole"] ?? 0 > streams.value / 2, "streams outlive faults")
        }
    }
}
