import Foundation
import GateCommand
import Testing

extension Acceptance {
    @Suite struct `Bad settings of every kind` {
        private static let file = """
            node:
              workers: 11
            peers:
              lisen: ["[::]:7700"]
              advertise: ["node.example.org", "x:99999"]
            kernel:
              eventLoops: many
              admin: 10.0.0.1:7730
              link: [1]
            database:
              kind: postgresql
            log:
              level: loud
            log:
              format: xml

            """

        /// What is wrong, and with what.
        private static let expected = [
            "node.workers: '11' is no number from 1 to 10 (for example: 2)",
            "peers.lisen: is no key; did you mean peers.listen? (for example: peers.listen: ",
            "peers.advertise: 'node.example.org' is no host and port; an IPv6 address stands in brackets; 'x:99999' is",
            "kernel.eventLoops: 'many' is no number from 0 to 256 (for example: 2)",
            "kernel.admin: '10.0.0.1:7730' is not on this machine; ",
            "kernel.link: takes one value (for example: 127.0.0.1:7710)",
            "database.url: is missing, as database.kind is postgresql (for example: postgresql://",
            "log: is there twice (for example: one log, and all below it)",
            "log.format: 'xml' is none of: text, json (for example: json)",
            "QUANTUMGATE_LOG_LEVEL: 'shrill' is none of: trace, debug, info, ",
        ]

        @Test func `are all told at once, each with the reason and a right value`() async throws {
            let folder = FileManager.default.temporaryDirectory.appending(path: "settings-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            let file = folder.appending(path: "quantumgate.yaml")
            try Self.file.write(to: file, atomically: true, encoding: .utf8)

            let (code, output) = try await blocking {
                try ChildProcess.run(
                    Acceptance.programs.quantumgate, ["config", "check", file.path],
                    environment: ["QUANTUMGATE_LOG_LEVEL": "shrill"])
            }

            let lines = output.split(separator: "\n").map(String.init)
            #expect(code == 3)
            for expected in Self.expected {
                #expect(lines.count { $0.hasPrefix(expected) && $0.hasSuffix(")") } == 1, "\(expected)")
            }
            #expect(lines.count == Self.expected.count)
        }
    }
}
