import ArgumentParser
import Glibc

/// What `bench soak` does to the node under test.
enum SoakFault: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// `kill -9` of a kernel worker; its supervisor starts it again.
    case kill
    /// `quantumgate drain` of a worker, and back.
    case drain
    /// SIGSTOP of a worker beyond its lease, then SIGCONT.
    case pause
    /// SIGTERM of the worker that has run longest, which starts again with another version of the peer protocol: the
    /// older one until all have it, then the newer one.
    case upgrade
    /// `kill -9` of the database service.
    case database
    /// `kill -9` of a replica of the extender: its own streams are reset, and no other.
    case replica
    /// Whatever the program of `--hook` does: restart PostgreSQL, say.
    case hook

    /// Whether it moves sessions; the others must leave all streams alone.
    var movesSessions: Bool {
        switch self {
        case .kill, .drain, .pause, .upgrade: true
        case .database, .replica, .hook: false
        }
    }

    /// How long a worker is stopped: beyond the lease that the bench sets, and beyond the peers' patience.
    static let pauseSeconds = 8.0
    /// `worker.lease` while it runs.
    static let lease = "4s"
    /// How long a hook may take.
    static let hookSeconds = 120.0
    /// How long a drained worker stays so.
    static let drainSeconds = 4.0

    /// Does it to the `turn`th worker, counted round.
    func strike(_ node: DemoNode, turn: Int, hook: String) throws {
        switch self {
        case .kill: try strike(node, "gate-kernel", turn, SIGKILL)
        case .replica: throw DemoNode.Failure("a replica is no process of the node")
        case .hook:
            let done = try ChildProcess.run(hook, ["\(turn)"], within: SoakFault.hookSeconds)
            guard done.code == 0 else { throw DemoNode.Failure("\(hook) ended with code \(done.code)") }
        case .upgrade:
            let workers = max(node.processes(running: "gate-kernel").count, 1)
            try node.hold(toVersion: turn / workers % 2 == 0 ? 1 : 2)
            try strike(node, "gate-kernel", 0, SIGTERM)
        case .database: try strike(node, "gate-database", 0, SIGKILL)
        case .pause:
            let pid = try strike(node, "gate-kernel", turn, SIGSTOP)
            usleep(UInt32(SoakFault.pauseSeconds * 1e6))
            Glibc.kill(pid, SIGCONT)
        case .drain:
            // The last first: the first was perhaps killed before, and has nobody to lose.
            let count = max(node.processes(running: "gate-kernel").count, 1)
            let worker = "kernel-\(count - turn % count)"
            try node.command("drain", worker)
            usleep(UInt32(SoakFault.drainSeconds * 1e6))
            try node.command("drain", worker, "--undo")
        }
    }

    @discardableResult
    private func strike(_ node: DemoNode, _ program: String, _ turn: Int, _ signal: Int32) throws -> Int32 {
        let processes = node.processes(running: program).sorted()
        guard !processes.isEmpty else { throw DemoNode.Failure("no \(program) runs") }
        let pid = processes[turn % processes.count]
        Glibc.kill(pid, signal)
        return pid
    }
}
