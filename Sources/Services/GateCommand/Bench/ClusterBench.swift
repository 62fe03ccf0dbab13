import GateCrypto
import GateModel
import Glibc
import NIOCore

/// `bench cluster`: what several kernel workers of one node do beside one: handshakes and messages per CPU second of the
/// workers, many idle peers, and a worker that is added while it runs.
enum ClusterBench {
    /// Per CPU second of all workers.
    struct Rates: Sendable {
        let handshakes: Double
        let messages: Double
    }

    /// Sessions of each worker, in the order of their ports, when all were dialled and after those that came last.
    struct Spread: Sendable {
        let sessions: [Int]
        /// How many of the last sessions each worker got; the last one was added just before.
        let latest: [Int]
    }

    private static let handshakeSeconds = 6.0
    private static let handshakesAtOnce = 16
    private static let messageSeconds = 6.0
    private static let messageSessions = 48
    /// Sessions that are dialled after a worker was added.
    private static let latestSessions = 800

    /// Measures a node with that many workers.
    static func rates(workers: Int, programs: ProgramFolder) async throws -> Rates {
        try await withNode(workers: workers, programs) { node in
            let echo = try await BlockingWork.run { try SoakBench.startEcho(of: node, programs: programs) }
            defer { echo.stop(grace: 2) }
            let fleet = try await Fleet(node)
            _ = try await fleet.handshakes(seconds: 1, atOnce: handshakesAtOnce)
            let before = cpuSeconds(of: node)
            let count = try await fleet.handshakes(seconds: handshakeSeconds, atOnce: handshakesAtOnce)
            let between = cpuSeconds(of: node)
            let sessions = try await fleet.dial(messageSessions)
            let start = cpuSeconds(of: node)
            let messages = try await fleet.messages(over: sessions, seconds: messageSeconds)
            let end = cpuSeconds(of: node)
            await fleet.stop()
            return Rates(
                handshakes: Double(count) / (between - before), messages: Double(messages) / (end - start))
        }
    }

    /// Dials idle peers to a node with that many workers, then adds a worker and dials more.
    static func spread(workers: Int, sessions: Int, programs: ProgramFolder) async throws -> Spread {
        try await withNode(workers: workers, programs) { node in
            let fleet = try await Fleet(node)
            _ = try await fleet.dial(sessions)
            let dialled = try await settled(node, workers: workers, total: sessions)
            let added = try await BlockingWork.run { try startWorker(workers + 1, of: node, programs) }
            defer { added.stop(grace: 5) }
            _ = try await fleet.dial(latestSessions)
            let after = try await settled(node, workers: workers + 1, total: sessions + latestSessions)
            await fleet.stop()
            return Spread(sessions: dialled, latest: zip(after, dialled + [0]).map { $0 - $1 })
        }
    }

    private static func startWorker(
        _ number: Int, of node: DemoNode, _ programs: ProgramFolder
    ) throws -> ChildProcess {
        try node.command("credential", "issue", "--role", "kernel", "--name", "kernel-\(number)")
        let child = try ChildProcess(
            "\(programs.path)/gate-kernel", ["--dir", node.directory, "--name", "kernel-\(number)"], errors: node.log)
        guard try child.readLine(deadline: MonotonicSeconds.now() + 30, for: "the worker's ready line") != nil else {
            throw ChildProcess.Failure.endedBefore("it was ready")
        }
        return child
    }

    /// Sessions of each worker once there are so many in all.
    private static func settled(_ node: DemoNode, workers: Int, total: Int) async throws -> [Int] {
        let deadline = MonotonicSeconds.now() + 30
        while true {
            let counts = try await BlockingWork.run {
                try (0..<workers).map { try node.observe(worker: $0).sessionCount }
            }
            if counts.reduce(0, +) >= total { return counts }
            guard MonotonicSeconds.now() < deadline else {
                throw DemoNode.Failure("of \(total) sessions the workers hold \(counts)")
            }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    private static func cpuSeconds(of node: DemoNode) -> Double {
        node.processes(running: "gate-kernel").reduce(0) { $0 + (ProcessCost.of(process: $1)?.cpuSeconds ?? 0) }
    }

    private static func withNode<Result: Sendable>(
        workers: Int, _ programs: ProgramFolder, _ body: (DemoNode) async throws -> Result
    ) async throws -> Result {
        _ = ProcessHardening.raiseDescriptorLimit()
        let folder = try DemoFolder()
        defer { folder.remove() }
        let node = try await BlockingWork.run { try SoakBench.start(below: folder.path, workers, programs) }
        do {
            let result = try await body(node)
            try await BlockingWork.run { node.stop() }
            return result
        } catch {
            try await BlockingWork.run { node.stop() }
            throw error
        }
    }
}

/// Peers of a node under test: sessions of as many nodes, dialled from one event loop.
private struct Fleet {
    private let dialler: BenchDialler
    private let key: StaticKey
    private let node: NodeUUID
    private let address: SocketAddress

    /// Messages of a session that are on their way: so many that workers are busy, not waiting.
    private let messagesAtOnce = 16

    init(_ node: DemoNode) async throws {
        dialler = try await BenchDialler(BenchIdentity())
        key = try StaticKey()
        self.node = node.uuid
        address = try SocketAddress(ipAddress: node.peerEndpoint.host, port: Int(node.peerEndpoint.port))
    }

    func stop() async { await dialler.stop() }

    private func dialOne() async throws -> DialledSession {
        try await dialler.dial(node, at: address, as: BenchIdentity.credentials(with: key)).get()
    }

    /// So many sessions that stand.
    func dial(_ count: Int) async throws -> [DialledSession] {
        try await withThrowingTaskGroup(of: DialledSession.self) { tasks in
            var sessions: [DialledSession] = []
            for number in 0..<count {
                if number >= 32, let session = try await tasks.next() { sessions.append(session) }
                tasks.addTask { try await dialOne() }
            }
            for try await session in tasks { sessions.append(session) }
            return sessions
        }
    }

    /// Connections one after another, so many chains at once; how many there were.
    func handshakes(seconds: Double, atOnce: Int) async throws -> Int {
        let end = MonotonicSeconds.now() + seconds
        return try await withThrowingTaskGroup(of: Int.self) { tasks in
            for _ in 0..<atOnce {
                tasks.addTask {
                    var count = 0
                    while MonotonicSeconds.now() < end {
                        await (try dialOne()).close()
                        count += 1
                    }
                    return count
                }
            }
            return try await tasks.reduce(0, +)
        }
    }

    /// Messages to the echo and back, so many at once on each session; how many came back.
    func messages(over sessions: [DialledSession], seconds: Double) async throws -> Int {
        let end = MonotonicSeconds.now() + seconds
        return try await withThrowingTaskGroup(of: Int.self) { tasks in
            for session in sessions { tasks.addTask { try await session.pingPong(until: end, atOnce: messagesAtOnce) } }
            return try await tasks.reduce(0, +)
        }
    }
}
