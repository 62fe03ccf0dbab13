import Foundation
import GateCommand
import GateModel
import Testing

extension Acceptance {
    @Suite struct `Two nodes set up by hand` {
        @Test(arguments: ["127.0.0.1", "::1"])
        func `serve each other; a third is refused with a reason on the refusing side only`(host: String) async throws {
            try await TwoNodes.with(host: host) { nodes in
                let result = try await blocking { [download = nodes.download(byteCount: 1 << 20)] in try download.run()
                }
                #expect(result.digest == DemoFile.digest(byteCount: 1 << 20))
                try await third(nodes, host: host)
            }
        }

        private func third(_ nodes: TwoNodes, host: String) async throws {
            let tap = try WireTap(to: nodes.exit.peerEndpoint)
            defer { tap.stop() }
            let stranger = try await blocking {
                [folder = nodes.folder.path, card = "\(nodes.exit.uuid)@\(tap.endpoint)"] in
                let stranger = try DemoNode(
                    name: "stranger", below: folder, portBase: FreePorts.bases(count: 1)[0],
                    programs: Acceptance.programs,
                    host: host)
                try stranger.start()
                try stranger.command("peers", "add", card)
                return stranger
            }
            defer { stranger.stop() }
            let download = nodes.download(from: stranger, byteCount: 1000)
            await #expect(throws: (any Error).self) { try await blocking { try download.run() } }
            let reason = "not on the list of allowed peers"
            let isShown = try await blocking { [exit = nodes.exit] in
                try Acceptance.eventually(within: 10) {
                    let refusals = TwoNodes.refusals(in: try exit.command("status", "--json"))
                    return refusals.contains("\(stranger.uuid)") && refusals.contains(reason)
                }
            }
            #expect(isShown)
            let log = text(of: nodes.exit.log).split(separator: "\n")
            #expect(log.contains { $0.contains("\(stranger.uuid)") && $0.contains(reason) })
            // The stranger hears nothing after its last flight, and so knows no reason.
            let recordings = tap.recordings
            #expect(!recordings.isEmpty)
            #expect(recordings.allSatisfy { $0.isClosed && !$0.answered.isEmpty && $0.lastAnswerBytes == 0 })
            let told = try await blocking { try stranger.command("status", "--json") }
            #expect(!(told + text(of: stranger.log)).contains(reason))
        }

        @Test func `who dials with a wrong UUID gets no byte back`() async throws {
            try await TwoNodes.with { nodes in
                let tap = try WireTap(to: nodes.exit.peerEndpoint)
                defer { tap.stop() }
                // Another node's UUID, which is a right one of nobody here.
                let wrong = try #require(NodeUUID(text: "0f0e0d0c-0b0a-8908-8706-050403020100"))
                try await blocking { [origin = nodes.origin] in
                    _ = try origin.command("peers", "add", "\(wrong)@\(tap.endpoint)")
                }
                let download = nodes.download(over: wrong, byteCount: 1000)
                await #expect(throws: (any Error).self) { try await blocking { try download.run() } }
                #expect(text(of: nodes.origin.log).contains("wrong UUID, secret or clock, or not allowed"))
                let recordings = tap.recordings
                #expect(!recordings.isEmpty)
                #expect(recordings.allSatisfy { !$0.sent.isEmpty && $0.answered.isEmpty })
            }
        }
    }
}

extension TwoNodes {
    /// What a status says about refusals.
    static func refusals(in status: String) -> String {
        let object = try? JSONSerialization.jsonObject(with: Data(status.utf8)) as? [String: Any]
        return "\(object?["refusals"] ?? "")"
    }
}

/// A whole file as text; empty where there is none.
func text(of path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
}
