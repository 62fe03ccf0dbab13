import Foundation
import GateCommand
import GateModel
import Synchronization
import Testing

extension Acceptance {
    @Suite struct `The wire` {
        @Test func `shows no plaintext and no UUID`() async throws {
            let marker = "a-word-that-nobody-else-uses"
            let tap = TapHolder()
            try await TwoNodes.with(introduce: { origin, exit in
                let wire = try tap.open(to: exit.peerEndpoint)
                try origin.command("peers", "add", "\(exit.uuid)@\(wire)")
                try exit.command("peers", "add", TwoNodes.plainCard(of: origin))
            }) { nodes in
                var download = nodes.download(byteCount: 4 << 20)
                download.agent = marker
                let result = try await blocking { [download] in try download.run() }
                #expect(result.digest == DemoFile.digest(byteCount: result.byteCount))
                let recordings = tap.recordings
                #expect(recordings.reduce(0) { $0 + $1.answered.count } > result.byteCount)
                let uuids = [nodes.origin, nodes.exit].flatMap { forms(of: $0.uuid) }
                expectNone(of: plaintexts(marker, nodes.web.endpoint) + uuids, in: recordings)
            }
            tap.stop()
        }

        @Test(arguments: ["127.0.0.1", "::1"])
        func `shows no plaintext, UUID or target on any stretch of a way over relays`(host: String) async throws {
            let marker = "a-word-that-nobody-else-uses"
            let taps = TapHolder()
            try await RunningNetwork.with(hops: 2, host: host, advertise: { try taps.open(to: $0) }) { running in
                var download = running.network.download(
                    hops: 2, isolate: "a", from: running.web.endpoint, byteCount: 1 << 20)
                download.agent = marker
                let result = try await blocking { [download] in try download.run() }
                #expect(result.digest == DemoFile.digest(byteCount: result.byteCount))
                let recordings = taps.recordings
                // From the origin to a relay, to the other, and to the exit: each carried the file.
                #expect(recordings.count { $0.answered.count > result.byteCount } == 3)
                let uuids = running.network.nodes.flatMap { forms(of: $0.uuid) }
                expectNone(of: plaintexts(marker, running.web.endpoint) + uuids, in: recordings)
            }
            taps.stop()
        }

        @Test func `shows no fixed byte, no fixed length and no pattern that returns`() async throws {
            let tap = TapHolder()
            try await TwoNodes.with { nodes in
                try await blocking { [exit = nodes.exit] in
                    try exit.set([("access.default", "allow")])
                    _ = try tap.open(to: exit.peerEndpoint)
                }
                let port = try #require(tap.endpoint).port
                let connectionCount = 40
                for _ in 0..<connectionCount { try await SessionOnce.dial(nodes.exit.uuid, port: port) }
                let recordings = tap.recordings
                #expect(recordings.count == connectionCount)
                for side in [recordings.map(\.sent), recordings.map(\.answered)] {
                    let shortest = try #require(side.map(\.count).min())
                    try #require(shortest >= 1000)
                    #expect(Set(side.map(\.count)).count > connectionCount / 4)
                    #expect((0..<1000).allSatisfy { position in Set(side.map { $0[position] }).count > 4 })
                }
                #expect(!hasCommonWindow(recordings.map { $0.sent + $0.answered }))
            }
            tap.stop()
        }

        /// Whether any eight bytes in a row occur in two of the recordings.
        private func hasCommonWindow(_ recordings: [[UInt8]]) -> Bool {
            var seen: [UInt64: Int] = [:]
            for (index, bytes) in recordings.enumerated() {
                var window: UInt64 = 0
                for (position, byte) in bytes.enumerated() {
                    window = window << 8 | UInt64(byte)
                    guard position >= 7 else { continue }
                    if let other = seen[window], other != index { return true }
                    seen[window] = index
                }
            }
            return false
        }

        /// What a download would show if it were not encrypted.
        private func plaintexts(_ marker: String, _ target: Endpoint) -> [[UInt8]] {
            [Array(marker.utf8), Array("HTTP/1.1".utf8), Array("\(target)".utf8), DemoFile.firstBytes(64)]
        }

        private func expectNone(of patterns: [[UInt8]], in recordings: [WireTap.Recording]) {
            for bytes in recordings.flatMap({ [$0.sent, $0.answered] }) {
                for pattern in patterns { #expect(ByteSearch.count(of: pattern, in: bytes[...]) == 0, "\(pattern)") }
            }
        }

        private func forms(of uuid: NodeUUID) -> [[UInt8]] {
            [uuid.value.bytes, Array(uuid.value.text.utf8), Array(uuid.value.text.uppercased().utf8)]
        }
    }
}

/// Taps that are made while nodes are introduced.
final class TapHolder: Sendable {
    private let taps = Mutex<[WireTap]>([])

    var recordings: [WireTap.Recording] { taps.withLock { $0 }.flatMap(\.recordings) }
    var endpoint: Endpoint? { taps.withLock { $0.last?.endpoint } }

    /// Where to dial instead of `target`.
    func open(to target: Endpoint) throws -> Endpoint {
        let made = try WireTap(to: target)
        taps.withLock { $0.append(made) }
        return made.endpoint
    }

    func stop() { for tap in taps.withLock({ $0 }) { tap.stop() } }
}
