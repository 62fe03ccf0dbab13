import Foundation
import GateCommand
import Testing

extension Acceptance {
    @Suite struct `Key update in-band` {
        @Test func `replaces the keys of sessions, direct and over relays, while downloads run and lose no byte`()
            async throws
        {
            try await RunningNetwork.with(hops: 2) { running in
                let (network, byteCount) = (running.network, Acceptance.isOptimised ? 32 << 20 : 2 << 20)
                for node in network.nodes {
                    try await blocking {
                        try node.set([("keys.update-minimum", "2s"), ("keys.update-maximum", "3s")])
                    }
                }
                // Settings reach workers within a second; the first session is to begin with them.
                try await Task.sleep(for: .seconds(2))
                let deadline = MonotonicSeconds.now() + 60
                var sessions: [KeyStatus.Session] = []
                repeat {
                    #expect(try await running.download(hops: 2, isolate: "keys", byteCount: byteCount))
                    let status = try await blocking { try network.origin.observe().status }
                    sessions = try JSONDecoder().decode(KeyStatus.self, from: Data(status.utf8)).sessions
                } while !KeyStatus.haveUpdated(sessions) && MonotonicSeconds.now() < deadline

                #expect(KeyStatus.haveUpdated(sessions), "\(sessions)")
                #expect(try await running.download(hops: 2, isolate: "keys", byteCount: byteCount))
            }
        }
    }
}

/// What `/status` tells of keys.
private struct KeyStatus: Decodable {
    struct Session: Decodable {
        let relayed: Bool
        let keyEpoch: UInt32
    }

    let sessions: [Session]

    /// Whether a session with the first relay and one over relays are in their third epoch or later.
    static func haveUpdated(_ sessions: [Session]) -> Bool {
        [true, false].allSatisfy { isRelayed in sessions.contains { $0.relayed == isRelayed && $0.keyEpoch >= 2 } }
    }
}
