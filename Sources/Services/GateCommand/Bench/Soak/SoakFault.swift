import ArgumentParser
import GateSettings
import Glibc

/// What `bench soak` does to the node under test.
enum SoakFault: String, ExpressibleByArgument, CaseIterable, Sendable {
    /// `kill -9` of a kernel worker; its supervisor starts it again.
    case kill
    /// `quantumgate drain` of a worker, and back.
    case drain
    /// SIGSTOP of a worker beyond its lease, then SIGCONT.
    case pause
    /// SIGTERM of one worker after the other, which starts again with another version of the peer protocol: the older one
    /// until all have it, then the newer one.
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
    /// How long a worker that was struck may take until it runs again.
    static let startSeconds = 10.0
    /// How long a drained worker stays so.
    static let drainSeconds = 4.0

    /// Does it to the `turn`th worker, counted round.
    func strike(_ node: DemoNode, turn: Int, hook: String) throws {
        switch self {
        case .kill: try strike(node, worker: turn, SIGKILL)
        case .replica: throw DemoNode.Failure("a replica is no process of the node")
        case .hook:
            let done = try ChildProcess.run(hook, ["\(turn)"], within: SoakFault.hookSeconds)
            guard done.code == 0 else { throw DemoNode.Failure("\(hook) ended with code \(done.code)") }
        case .upgrade:
            try node.hold(toVersion: turn / node.workers % 2 == 0 ? 1 : 2)
            try strike(node, worker: turn, SIGTERM)
        case .database:
            guard let pid = node.processes(running: "gate-database").first else {
                throw DemoNode.Failure("no gate-database runs")
            }
            Glibc.kill(pid, SIGKILL)
        case .pause:
            let pid = try strike(node, worker: turn, SIGSTOP)
            usleep(UInt32(SoakFault.pauseSeconds * 1e6))
            Glibc.kill(pid, SIGCONT)
        case .drain:
            // The last first: the first was perhaps killed before, and has nobody to lose.
            let worker = LocalSettings.kernelName(index: node.workers - 1 - turn % node.workers)
            try node.command("drain", worker)
            usleep(UInt32(SoakFault.drainSeconds * 1e6))
            try node.command("drain", worker, "--undo")
        }
    }

    @discardableResult
    private func strike(_ node: DemoNode, worker turn: Int, _ signal: Int32) throws -> Int32 {
        let index = turn % node.workers
        // One that was struck before may be about to start again.
        let deadline = MonotonicSeconds.now() + SoakFault.startSeconds
        while node.process(ofWorker: index) == nil, MonotonicSeconds.now() < deadline { usleep(50_000) }
        guard let pid = node.process(ofWorker: index) else {
            throw DemoNode.Failure("\(LocalSettings.kernelName(index: index)) does not run")
        }
        Glibc.kill(pid, signal)
        return pid
    }
}
