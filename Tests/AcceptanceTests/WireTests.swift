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
                for pattern in [Array(marker.utf8), Array("HTTP/1.1".utf8), DemoFile.firstBytes(64)]
                    + forms(of: nodes.origin.uuid) + forms(of: nodes.exit.uuid)
                {
                    for recording in recordings {
                        #expect(Data(recording.sent).firstRange(of: Data(pattern)) == nil)
                        #expect(Data(recording.answered).firstRange(of: Data(pattern)) == nil)
                    }
                }
            }
            tap.stop()
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

        private func forms(of uuid: NodeUUID) -> [[UInt8]] {
            [uuid.value.bytes, Array(uuid.value.text.utf8), Array(uuid.value.text.uppercased().utf8)]
        }
    }
}

/// A tap that is made while nodes are introduced.
final class TapHolder: Sendable {
    private let tap = Mutex<WireTap?>(nil)

    var recordings: [WireTap.Recording] { tap.withLock { $0?.recordings ?? [] } }
    var endpoint: Endpoint? { tap.withLock { $0?.endpoint } }

    func open(to target: Endpoint) throws -> Endpoint {
        let made = try WireTap(to: target)
        tap.withLock { $0 = made }
        return made.endpoint
    }

    func stop() { tap.withLock { $0 }?.stop() }
}
