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
                let inputs = Garbage.inputs(recorded: recorded)
                let ports = [exit.peerEndpoint, exit.kernelLink, exit.databaseLink, exit.socks]
                let openBefore = openCount(exit)
                // What is reserved once, such as buffers, is there after the first round; the second must add nothing.
                try await send(inputs, to: ports, beside: nodes)
                let residentBefore = resident(exit)
                try await send(inputs, to: ports, beside: nodes)
                let growth = resident(exit) - residentBefore
                #expect(growth < Garbage.growthBytesMax, "\(growth >> 20) MiB")
                let areFreed = try await blocking {
                    Acceptance.eventually(within: Garbage.closeSeconds) { openCount(exit) <= openBefore }
                }
                #expect(areFreed, "\(openCount(exit)) descriptors, \(openBefore) before")
                try await expectClosed(Garbage.kinds(recorded: recorded), at: ports)
                #expect(Set(exit.processes) == Set(before))
                let last = nodes.download(isolate: "last", byteCount: 1 << 20)
                #expect(try await blocking { try last.run() }.byteCount == 1 << 20)
            }
            tap.stop()
        }

        /// Everything to every port, while somebody downloads.
        private func send(_ inputs: [[UInt8]], to ports: [Endpoint], beside nodes: TwoNodes) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for endpoint in ports {
                    group.addTask {
                        try await blocking { for input in inputs { Garbage.send(input, to: endpoint) } }
                    }
                }
                let other = nodes.download(isolate: "other", byteCount: Acceptance.longFileBytes / 8)
                let result = try await blocking { try other.run() }
                #expect(result.digest == DemoFile.digest(byteCount: other.byteCount))
                try await group.waitForAll()
            }
        }

        /// One connection of each kind at each port ends from the other side, though this side keeps it open.
        private func expectClosed(_ kinds: [(name: String, bytes: [UInt8])], at ports: [Endpoint]) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for endpoint in ports {
                    for kind in kinds {
                        group.addTask {
                            let isClosed = try await blocking { Garbage.isClosed(after: kind.bytes, at: endpoint) }
                            #expect(isClosed, "\(kind.name) at \(endpoint)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }

        private func resident(_ node: DemoNode) -> Int {
            node.processes.reduce(0) { $0 + (ProcessCost.of(process: $1)?.residentBytes ?? 0) }
        }

        /// Descriptors that the node's processes hold, each connection being one.
        private func openCount(_ node: DemoNode) -> Int {
            node.processes.reduce(0) {
                $0 + ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/\($1)/fd").count) ?? 0)
            }
        }
    }
}

/// Inputs that no port expects.
enum Garbage {
    private static let seed: UInt64 = 2026
    private static let randomCount = 100
    private static let recordedBytes = 4096
    /// What all processes of a node may grow by over a whole round of about 12 MiB to each of four ports.
    static let growthBytesMax = 24 << 20
    /// Every port gives up on a connection that says nothing sensible for 10 s; the rest is for a busy machine.
    static let closeSeconds = 25.0

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

    /// One input of each kind.
    static func kinds(recorded: [UInt8]) -> [(name: String, bytes: [UInt8])] {
        var random = SplitMix(state: seed)
        let head = Array(recorded.prefix(recordedBytes))
        var flipped = head
        flipped[40] ^= 1
        return [
            ("truncated", Array(head.prefix(100))), ("flipped", flipped),
            ("oversized", [UInt8](repeating: 0xff, count: 4 << 20)),
            ("random", (0..<1000).map { _ in UInt8(truncatingIfNeeded: random.next()) }),
        ]
    }

    /// Whether the other side ends a connection on which this came, while this side holds it open.
    static func isClosed(after input: [UInt8], at endpoint: Endpoint) -> Bool {
        guard let socket = try? BlockingSocket(to: endpoint, patience: Int(closeSeconds)) else { return false }
        do throws(BlockingSocket.Failure) {
            try socket.write(input)
            _ = try socket.readToEnd(bytesMax: 1 << 20)
            return true
        } catch {
            switch error {
            case .closed, .system(_, ECONNRESET), .system(_, EPIPE): return true
            case .system: return false
            }
        }
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
