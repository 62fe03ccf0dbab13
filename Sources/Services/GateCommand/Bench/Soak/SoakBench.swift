import Foundation
import GateCrypto
import GateModel
import QuantumGate
import Synchronization

/// `bench soak`: a node with several workers, many peers that stream through an extender of it, and faults. Every byte
/// that comes back is compared; pauses are measured at the peers.
struct SoakBench {
    let workers: Int
    let peers: Int
    let faults: [SoakFault]
    let rounds: Int
    let programs: ProgramFolder
    /// Where the node keeps its data, if not in SQLite; and what the fault `hook` runs.
    var database: String?
    var hook = ""
    /// Replicas of the extender.
    var replicas = 1

    /// After a fault, until the next: workers come back, peers spread.
    static let settleSeconds = 10.0
    /// Peers that are started at once.
    static let startsAtOnce = 8

    /// What one fault did.
    struct Strike: Sendable {
        let fault: SoakFault
        /// Streams whose session was suspended, and the longest pause of each of those; of all, where the fault should
        /// move none. Of a replica's death: the streams that it ended, and how long it took.
        let affected: Int
        let pauses: [Double]
        /// Versions of the peer protocol that sessions speak afterwards.
        var versions: Set<Int> = []
    }

    struct Outcome: Sendable {
        let strikes: [Strike]
        let seen: [SoakWatch.Seen]

        /// Streams that did not end with just what was sent.
        var failures: [String] {
            seen.compactMap { seen in
                if seen.isExcused { return nil }
                if let failure = seen.failure { return failure }
                guard seen.isComplete, seen.sentCount == seen.receivedCount else {
                    return "\(seen.receivedCount) of \(seen.sentCount) bytes came back"
                }
                return nil
            }
        }
    }

    func run(_ report: @Sendable (String) -> Void) async throws -> Outcome {
        _ = ProcessHardening.raiseDescriptorLimit()
        let folder = try DemoFolder()
        defer { folder.remove() }
        let node = try await BlockingWork.run { try SoakBench.start(below: folder.path, workers, programs, database) }
        let result: Result<Outcome, any Error>
        do {
            let echoes = try await BlockingWork.run {
                try (1...replicas).map { try SoakBench.startEcho($0, of: node, programs: programs) }
            }
            defer { for echo in echoes { echo.stop(grace: 2) } }
            result = .success(try await torment(node, echoes, report))
        } catch { result = .failure(error) }
        try await BlockingWork.run { node.stop() }
        return try result.get()
    }

    /// A node under test: its workers take whoever comes.
    static func start(
        below folder: String, _ workers: Int, _ programs: ProgramFolder, _ database: String? = nil
    ) throws -> DemoNode {
        guard let base = FreePorts.bases(count: 1).first else {
            throw DemoNode.Failure("there are not enough free ports")
        }
        let node = try DemoNode(
            name: "soak", below: folder, portBase: base, programs: programs, workers: workers,
            database: database)
        try node.start()
        do {
            try node.set([
                ("access.default", "allow"), ("handshake.free-attempts", "1000000"),
                ("handshake.per-address-maximum", "1000000"), ("handshake.half-open-maximum", "100000"),
                ("worker.lease", SoakFault.lease),
            ])
        } catch {
            node.stop()
            throw error
        }
        return node
    }

    /// A replica of the echo at a node under test.
    static func startEcho(_ number: Int = 1, of node: DemoNode, programs: ProgramFolder) throws -> ChildProcess {
        let name = "\(SoakEcho.label)-\(number)"
        try node.command(
            "credential", "issue", "--role", "extender", "--extender", "\(SoakEcho.extender)", "--name", name)
        let echo = try ChildProcess(
            programs.quantumgate,
            ["bench-end", "soak", "--folder", node.directory, "--name", name],
            errors: "\(node.directory).echo.log")
        guard try echo.readLine(deadline: MonotonicSeconds.now() + 30, for: "the extender's ready line") != nil else {
            throw ChildProcess.Failure.endedBefore("it was ready")
        }
        return echo
    }

    private func torment(
        _ node: DemoNode, _ echoes: [ChildProcess], _ report: @Sendable (String) -> Void
    ) async throws -> Outcome {
        let target = NodeAddress(node: node.uuid, endpoint: node.peerEndpoint)
        let end = SoakEnd()
        let all = try await makePeers(target)
        report("\(all.count) peers made")
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            for peer in all { tasks.addTask { try? await peer.node.run() } }
            let streams = Task {
                await withDiscardingTaskGroup { group in
                    for peer in all {
                        group.addTask {
                            do {
                                try await peer.stream(to: target.node) { end.isReached }
                            } catch { peer.watch.failed("\(error)") }
                        }
                        try? await Task.sleep(for: .milliseconds(20))
                    }
                }
            }
            try await allStream(all)
            report("\(all.count) streams run")
            var strikes: [Strike] = []
            for turn in 0..<rounds * faults.count {
                let fault = faults[turn % faults.count]
                let strike =
                    fault == .replica
                    ? try await strike(echoes[turn / faults.count % echoes.count], all)
                    : try await strike(fault, node, turn / faults.count, all)
                report("\(fault.rawValue): \(strike.affected) streams \(fault == .replica ? "ended" : "moved")")
                strikes.append(strike)
            }
            end.reach()
            await streams.value
            tasks.cancelAll()
            return Outcome(strikes: strikes, seen: all.map(\.watch.seen))
        }
    }

    private func makePeers(_ target: NodeAddress) async throws -> [SoakPeer] {
        try await withThrowingTaskGroup(of: SoakPeer.self) { tasks in
            var made: [SoakPeer] = []
            for number in 0..<peers {
                if number >= SoakBench.startsAtOnce, let peer = try await tasks.next() { made.append(peer) }
                tasks.addTask { try await SoakPeer(number: number + 1, target: target) }
            }
            for try await peer in tasks { made.append(peer) }
            return made
        }
    }

    private func allStream(_ all: [SoakPeer]) async throws {
        let deadline = MonotonicSeconds.now() + 60 + Double(peers) / 5
        while all.contains(where: { $0.watch.seen.receivedCount == 0 }) {
            if let failure = all.lazy.compactMap(\.watch.seen.failure).first { throw DemoNode.Failure(failure) }
            guard MonotonicSeconds.now() < deadline else { throw DemoNode.Failure("not every stream began in time") }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Kills a replica: its streams end, the others' are compared to their ends as ever.
    private func strike(_ echo: ChildProcess, _ all: [SoakPeer]) async throws -> Strike {
        let start = MonotonicSeconds.now()
        echo.signal(SIGKILL)
        try await Task.sleep(for: .seconds(SoakBench.settleSeconds))
        let ends = all.compactMap { $0.watch.excuse(endedSince: start) }
        return Strike(fault: .replica, affected: ends.count, pauses: ends)
    }

    private func strike(
        _ fault: SoakFault, _ node: DemoNode, _ turn: Int, _ all: [SoakPeer]
    ) async throws -> Strike {
        let before = all.map(\.watch.seen.suspendedCount)
        let start = MonotonicSeconds.now()
        try await BlockingWork.run { [hook] in try fault.strike(node, turn: turn, hook: hook) }
        try await Task.sleep(for: .seconds(SoakBench.settleSeconds))
        let end = MonotonicSeconds.now()
        let affected = zip(all, before).filter { $0.watch.seen.suspendedCount > $1 }.map(\.0)
        return Strike(
            fault: fault, affected: affected.count,
            pauses: (fault.movesSessions ? affected : all).map { $0.watch.longestPause(from: start, to: end) },
            versions: fault == .upgrade
                ? try await BlockingWork.run { [workers] in
                    try (0..<workers).reduce(into: []) { $0.formUnion(try node.observe(worker: $1).versions) }
                } : [])
    }
}

/// Tells the streams that it is enough.
private final class SoakEnd: Sendable {
    private let reached = Atomic(false)

    var isReached: Bool { reached.load(ordering: .relaxed) }

    func reach() { reached.store(true, ordering: .relaxed) }
}

extension [Double] {
    /// The value that so many of a hundred do not exceed; 0 of none.
    func percentile(_ percent: Double) -> Double {
        guard !isEmpty else { return 0 }
        let sorted = sorted()
        return sorted[Swift.min(Int((Double(count) * percent / 100).rounded(.up)), count) - 1]
    }
}
