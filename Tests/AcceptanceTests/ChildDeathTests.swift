import Foundation
import GateCommand
import GateModel
import Testing

extension Acceptance {
    @Suite struct `Killing any child process` {
        @Test(arguments: ["gate-kernel", "gate-database", "gate-socks5"])
        func `during a download brings it back, and downloads after it work`(program: String) async throws {
            try await TwoNodes.with { nodes in
                for node in [nodes.origin, nodes.exit] {
                    let victim = try #require(node.processes(running: program).first)
                    let long = nodes.download(isolate: "long", byteCount: Acceptance.longFileBytes)
                    try await blocking {
                        var isKilled = false
                        // Whether this download survives is not asked: it depends on who was killed.
                        _ = try? long.run { received in
                            guard !isKilled, received >= long.byteCount / 4 else { return }
                            isKilled = true
                            kill(victim, SIGKILL)
                        }
                        if !isKilled { kill(victim, SIGKILL) }
                    }
                    let isBack = try await blocking {
                        Acceptance.eventually(within: 20) {
                            node.processes(running: program).contains { $0 != victim }
                        }
                    }
                    #expect(isBack, "\(program) of \(node.name) is back")
                    let short = nodes.shortDownload()
                    let works = try await blocking {
                        Acceptance.eventually(within: 20) { (try? short.run())?.byteCount == 100_000 }
                    }
                    #expect(works, "a download after \(program) of \(node.name) was killed")
                }
            }
        }

        @Test func `all at once leaves a database that serves, with the same identity and settings`() async throws {
            try await TwoNodes.with { nodes in
                for round in 1...5 {
                    try await blocking { [exit = nodes.exit] in
                        let hops = "\(round)"
                        try exit.set([("relay.hops", hops)])
                        let isWritten = DispatchGroup()
                        DispatchQueue.global().async(group: isWritten) {
                            for _ in 0..<2 { try? exit.set([("relay.hops", hops)]) }
                        }
                        usleep(UInt32(round) * 30_000)
                        exit.killAll()
                        isWritten.wait()
                        try exit.start()
                        #expect(try exit.command("settings", "get", "relay.hops").hasPrefix(hops))
                        #expect(try TwoNodes.plainCard(of: exit).hasPrefix("\(exit.uuid)@"))
                    }
                }
                let short = nodes.shortDownload()
                let works = try await blocking {
                    Acceptance.eventually(within: 20) { (try? short.run())?.byteCount == 100_000 }
                }
                #expect(works)
            }
        }
    }

    @Suite struct `Kill -9 of the supervisor` {
        @Test func `ends its children within 2 seconds, and node starts again at once`() async throws {
            try await TwoNodes.with { nodes in
                try await blocking { [exit = nodes.exit] in
                    let children = exit.processes
                    try #require(children.count >= 4)
                    let start = MonotonicSeconds.now()
                    exit.killSupervisor()
                    let areGone = Acceptance.eventually(within: 5) {
                        children.allSatisfy { hasEnded($0) }
                    }
                    let seconds = MonotonicSeconds.now() - start
                    #expect(areGone && seconds < 2, "after \(seconds) s")
                    try exit.start()
                    exit.killSupervisor()
                    try exit.start()  // at once, while the old children still end
                }
                let short = nodes.shortDownload()
                let works = try await blocking {
                    Acceptance.eventually(within: 20) { (try? short.run())?.byteCount == 100_000 }
                }
                #expect(works)
            }
        }
    }
}

/// Whether a process is gone, or has ended and only waits to be collected.
func hasEnded(_ pid: Int32) -> Bool {
    guard kill(pid, 0) == 0 else { return true }
    return (ProcessCost.read("/proc/\(pid)/stat") ?? "").split(separator: ")").last?.split(separator: " ").first == "Z"
}
