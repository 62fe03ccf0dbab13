import Foundation
import GateCommand
import GateModel
import GateTestKit
import Testing

extension Acceptance {
    @Suite struct `Truncated, flipped, oversized and random input` {
        @Test func `at the peer, link and SOCKS ports hurts nobody`() async throws {
            let tap = TapHolder()
            try await TwoNodes.with(introduce: { origin, exit in
                let wire = try tap.open(to: exit.peerEndpoint)
                try origin.command("peers", "add", "\(exit.uuid)@\(wire)")
                try exit.command("peers", "add", TwoNodes.plainCard(of: origin))
            }) { nodes in
                let first = nodes.download(isolate: "first", byteCount: 1 << 20)
                _ = try await blocking { try first.run() }
                let recorded = try #require(tap.recordings.first?.sent)
                let exit = nodes.exit
                let before = exit.processes
                let residentBefore = resident(exit)
                let ports = [exit.peerEndpoint, exit.kernelLink, exit.databaseLink, exit.socks]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for endpoint in ports {
                        group.addTask {
                            try await blocking {
                                for input in Garbage.inputs(recorded: recorded) { Garbage.send(input, to: endpoint) }
                            }
                        }
                    }
                    let other = nodes.download(isolate: "other", byteCount: Acceptance.longFileBytes / 8)
                    let result = try await blocking { try other.run() }
                    #expect(result.digest == DemoFile.digest(byteCount: other.byteCount))
                    try await group.waitForAll()
                }
                #expect(Set(exit.processes) == Set(before))
                #expect(resident(exit) - residentBefore < 100 << 20)
                let last = nodes.download(isolate: "last", byteCount: 1 << 20)
                #expect(try await blocking { try last.run() }.byteCount == 1 << 20)
            }
            tap.stop()
        }

        private func resident(_ node: DemoNode) -> Int {
            node.processes.reduce(0) { $0 + (ProcessCost.of(process: $1)?.residentBytes ?? 0) }
        }
    }
}

/// Inputs that no port expects.
enum Garbage {
    private static let seed: UInt64 = 2026
    private static let randomCount = 100
    private static let recordedBytes = 4096

    /// Random bytes of many lengths, and a real beginning of a connection: cut, flipped, repeated, and run on.
    static func inputs(recorded: [UInt8]) -> [[UInt8]] {
        var random = SplitMix(state: seed)
        let head = Array(recorded.prefix(recordedBytes))
        var inputs: [[UInt8]] = (0..<randomCount).map { index in
            (0..<(1 << (index % 17))).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
        for cut in stride(from: 0, to: head.count, by: 97) { inputs.append(Array(head.prefix(cut))) }
        for flip in stride(from: 0, to: head.count, by: 61) {
            var flipped = head
            flipped[flip] ^= UInt8(1 << (flip % 8))
            inputs.append(flipped)
        }
        inputs.append(head)  // a replay
        inputs.append([UInt8](repeating: 0xff, count: 4 << 20))
        inputs.append([5, 255] + [UInt8](repeating: 2, count: 255))
        inputs.append([5, 1, 2, 1, 255])
        inputs.append([0x16, 3, 1, 0xff, 0xff] + [UInt8](repeating: 0, count: 70_000))
        return inputs
    }

    /// Sends all of it, or as much as is taken, and goes.
    static func send(_ input: [UInt8], to endpoint: Endpoint) {
        guard let socket = try? BlockingSocket(to: endpoint, patience: 1) else { return }
        try? socket.write(input)
    }
}

/// A generator whose numbers follow from its seed.
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = (state ^ (state >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
