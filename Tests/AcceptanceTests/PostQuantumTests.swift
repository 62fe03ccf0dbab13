import Foundation
import GateCommand
import Testing

extension Acceptance {
    @Suite struct `Post-quantum authentication` {
        @Test func `of nodes that init made with --pq-identity carries downloads over relays and without`() async throws
        {
            try await RunningNetwork.with(hops: 2, isPostQuantum: true) { running in
                for hops in [0, 2] {
                    let isWhole = try await running.download(hops: hops, isolate: "pq-\(hops)", byteCount: 1 << 20)
                    #expect(isWhole)
                }
            }
        }
    }
}
