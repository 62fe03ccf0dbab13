import Foundation
import GateCommand
import Testing

extension Acceptance {
    @Suite struct `Demo with check` {
        /// Every number of relays at night, the ends and the usual one otherwise.
        static let hops = ProcessInfo.processInfo.environment["GATE_NIGHTLY"] == "1" ? Array(0...8) : [0, 3, 8]

        @Test func `nodes with several workers carry circuits over the same relays`() async throws {
            let done = try await blocking {
                try ChildProcess.run(
                    Acceptance.programs.quantumgate,
                    ["demo", "--hops", "2", "--workers", "3", "--check", "--megabytes", "8"], within: 180)
            }
            #expect(done.code == 0, "\(done.output)")
            #expect(done.output.contains("all as it should be"))
        }

        @Test(arguments: hops)
        func `ends with 0 within 180 seconds`(hops: Int) async throws {
            let megabytes = Acceptance.isOptimised && hops == 3 ? 256 : 8
            let done = try await blocking {
                try ChildProcess.run(
                    Acceptance.programs.quantumgate,
                    ["demo", "--hops", "\(hops)", "--check", "--megabytes", "\(megabytes)"], within: 180)
            }
            #expect(done.code == 0, "\(done.output)")
            #expect(done.output.contains("SHA-256 right"))
            #expect(done.output.contains("all as it should be"))
            #expect(hops == 0 || done.output.contains("the download failed, as it must"))
        }
    }

    @Suite struct `Demo without check` {
        /// Seconds until the demo says how to try it, and until it shows something new.
        private static let (startSeconds, newsSeconds) = (60.0, 20.0)

        @Test(.needs(.curl))
        func `stays up, prints a curl line that works, and shows live sessions and circuits`() async throws {
            try await blocking {
                let demo = try ChildProcess(Acceptance.programs.quantumgate, ["demo", "--hops", "2"])
                defer { demo.stop(grace: 20) }
                let line = try #require(
                    try lines(of: demo, within: Demo.startSeconds) { $0.contains("curl --socks5-hostname") }.last)
                let curl = try #require(line.range(of: "curl ").map { String(line[$0.lowerBound...]) })
                // The line as it stands, and only the size that arrived asked for besides.
                let done = try ChildProcess.run("/bin/sh", ["-c", "\(curl) -sS -w '%{size_download}\\n'"], within: 120)
                #expect(done.code == 0)
                #expect(done.output.contains("268435456"))
                let shown = try lines(of: demo, within: Demo.newsSeconds) { $0.contains("circuit origin → relay-") }
                #expect(shown.last?.hasSuffix("→ exit") == true)
                // Its session with the last relay, and the one with the origin, which came over the circuit.
                #expect(shown.contains { $0.contains("exit: 2 sessions, 1 circuits") }, "\(shown)")
                #expect(demo.poll() == nil, "it stays up")
                let tree = ProcessCost.tree(root: demo.pid)
                try #require(tree.count > 20)
                demo.signal(SIGINT)
                let isDone = Acceptance.eventually(within: 20) { demo.poll() != nil }
                #expect(isDone && demo.poll() == 0)
                let areGone = Acceptance.eventually(within: 2) { tree.allSatisfy { hasEnded($0) } }
                #expect(areGone, "nothing is left running")
            }
        }

        private typealias Demo = `Demo without check`

        /// What the demo prints, up to the line that is waited for.
        private func lines(
            of demo: ChildProcess, within seconds: Double, until isLast: (String) -> Bool
        ) throws -> [String] {
            let deadline = MonotonicSeconds.now() + seconds
            var lines: [String] = []
            while let line = try demo.readLine(deadline: deadline, for: "the demo's next line") {
                lines.append(line)
                if isLast(line) { break }
            }
            return lines
        }
    }
}
