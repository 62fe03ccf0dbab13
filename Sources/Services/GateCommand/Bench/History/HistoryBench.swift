import Foundation
import GateCrypto
import GateModel
import GateTelemetry
import QuantumGate
import Synchronization

/// `bench history`: workers of a node that are killed, stopped and cut off while peers stream through them; everybody
/// who accepts anything keeps a journal, and ``HistoryChecker`` judges the journals.
struct HistoryBench {
    let faultCount: Int
    let workers: Int
    let peers: Int
    let replicas: Int
    let seed: UInt64
    let programs: ProgramFolder
    /// Where logs and journals stay; `nil`: nowhere.
    var folder: String?

    struct Outcome {
        let faults: [HistoryFault]
        /// What it found out.
        let checker: HistoryChecker
        /// Peers that could not stream any more when all was over.
        let stuckPeers: [Int]
    }

    /// How often progress is told, in seconds.
    private static let reportInterval = 10.0
    /// What a worker is left in peace after a fault.
    private static let recovery = Duration.seconds(1)
    /// How long peers are left in peace when all faults are over.
    private static let settleTime = Duration.seconds(5)
    private static let lookInterval = Duration.milliseconds(20)

    /// Faults at once: two workers of five are always well, one of three or two.
    private var faultsAtOnce: Int { max((workers + 1) / 2, 1) }

    func run(_ report: @escaping @Sendable (String) -> Void) async throws -> Outcome {
        _ = ProcessHardening.raiseDescriptorLimit()
        let temporary = folder == nil ? try DemoFolder() : nil
        defer { temporary?.remove() }
        let folder = folder ?? temporary?.path ?? ""
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let server = try await BlockingWork.run { try BenchServer() }
        defer { server.stop() }
        let node = try await HistoryNode.make(below: folder, workers: workers, programs: programs, server: server)
        let result: Result<Outcome, any Error>
        do {
            try await BlockingWork.run { [replicas] in
                try node.start(replicas: replicas) { HistoryBench.journal(of: .replica($0), in: folder) }
            }
            result = .success(try await torment(node, server, folder, report))
        } catch { result = .failure(error) }
        try await BlockingWork.run { node.stop() }
        await node.stopForwarders()
        return try result.get()
    }

    private func torment(
        _ node: HistoryNode, _ server: BenchServer, _ folder: String, _ report: @escaping @Sendable (String) -> Void
    ) async throws -> Outcome {
        var all: [HistoryPeer] = []
        for number in 1...peers {
            let journal = try HistoryJournal(path: HistoryBench.journal(of: .peer(number), in: folder))
            all.append(try await HistoryPeer(number: number, target: node.address, journal: journal))
        }
        let faults = HistoryFault.plan(count: faultCount, workers: workers, seed: seed)
        report("\(all.count) peers, \(workers) workers, \(replicas) replicas; \(faults.count) faults of seed \(seed)")
        let stuck = try await withThrowingTaskGroup(of: Void.self) { [all] tasks in
            for peer in all { tasks.addTask { try? await peer.node.run() } }
            let stuck = try await strike(node, all, faults, folder, report)
            tasks.cancelAll()
            return stuck
        }
        try await BlockingWork.run { try node.flush() }
        for peer in all { peer.journal.flush() }
        report("checking")
        let checker = try await BlockingWork.run {
            let writes = try HistoryAudit.lines(in: server).joined(separator: "\n")
            try writes.write(toFile: HistoryBench.databaseJournal(in: folder), atomically: false, encoding: .utf8)
            return try HistoryBench.judge(folder)
        }
        return Outcome(faults: faults, checker: checker, stuckPeers: stuck)
    }

    // MARK: Faults

    /// Lets all faults happen while the peers stream; the peers that could not in the end.
    private func strike(
        _ node: HistoryNode, _ all: [HistoryPeer], _ faults: [HistoryFault], _ folder: String,
        _ report: @escaping @Sendable (String) -> Void
    ) async throws -> [Int] {
        let isOver = Flag()
        return try await withThrowingTaskGroup(of: Int?.self) { tasks in
            for peer in all {
                tasks.addTask { [seed] in await peer.run(seed: seed) { isOver.isSet } ? nil : peer.number }
            }
            do {
                try await strike(node, faults, folder) { count in
                    let resumed = all.map(\.journal.resumedCount).reduce(0, +)
                    let failed = all.map(\.failedCount).reduce(0, +)
                    report(
                        "\(count) of \(faults.count) faults; sessions went on \(resumed) times, \(failed) streams were "
                            + "tried again")
                }
            } catch {
                tasks.cancelAll()
                throw error
            }
            try await Task.sleep(for: HistoryBench.settleTime)
            isOver.set()
            var stuck: [Int] = []
            for try await number in tasks { if let number { stuck.append(number) } }
            return stuck.sorted()
        }
    }

    /// One fault after the other, several at once, one at a time of each worker.
    private func strike(
        _ node: HistoryNode, _ faults: [HistoryFault], _ folder: String, _ progress: @escaping @Sendable (Int) -> Void
    ) async throws {
        let turns = Turns(most: faultsAtOnce)
        let log = FaultLog(path: "\(folder)/faults.log")
        var nextReport = MonotonicSeconds.now()
        try await withThrowingDiscardingTaskGroup { tasks in
            for (count, fault) in faults.enumerated() {
                if MonotonicSeconds.now() >= nextReport {
                    progress(count)
                    nextReport = MonotonicSeconds.now() + HistoryBench.reportInterval
                }
                try await Task.sleep(for: .seconds(fault.gap))
                while !turns.enter(fault.worker) {
                    try await Task.sleep(for: HistoryBench.lookInterval)
                }
                if node.hasEnded(fault.worker) { throw CommandFailure("worker \(fault.worker + 1) ended by itself") }
                tasks.addTask {
                    log.say("\(fault)")
                    try await node.suffer(fault)
                    log.say("worker \(fault.worker + 1) is left in peace")
                    try await Task.sleep(for: HistoryBench.recovery)
                    turns.leave(fault.worker)
                }
            }
        }
        progress(faults.count)
    }

    // MARK: Journals

    private static func journal(of acceptor: HistoryChecker.Acceptor, in folder: String) -> String {
        "\(folder)/\(fileName(of: acceptor))"
    }

    private static func databaseJournal(in folder: String) -> String { "\(folder)/database.journal" }

    /// Judges the journals of a folder.
    static func judge(_ folder: String) throws -> HistoryChecker {
        var checker = HistoryChecker()
        for acceptor in try acceptors(in: folder) {
            for line in try lines(of: journal(of: acceptor, in: folder)) {
                guard let record = HistoryRecord(line: line) else { throw CommandFailure("no record: \(line)") }
                checker.take(record, of: acceptor)
            }
        }
        for line in try lines(of: databaseJournal(in: folder)) {
            guard let write = HistoryWrite(line: line) else { throw CommandFailure("no write of a session: \(line)") }
            checker.take(write)
        }
        checker.end()
        return checker
    }

    /// Whose journals there are.
    private static func acceptors(in folder: String) throws -> [HistoryChecker.Acceptor] {
        let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
        func all(_ acceptor: (Int) -> HistoryChecker.Acceptor) -> [HistoryChecker.Acceptor] {
            var found: [HistoryChecker.Acceptor] = []
            while names.contains(fileName(of: acceptor(found.count + 1))) { found.append(acceptor(found.count + 1)) }
            return found
        }
        return all { .replica($0) } + all { .peer($0) }
    }

    private static func fileName(of acceptor: HistoryChecker.Acceptor) -> String {
        "\("\(acceptor)".replacing(" ", with: "-")).journal"
    }

    private static func lines(of path: String) throws -> [Substring] {
        try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
    }
}

/// Becomes true once.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isSet: Bool { value.load(ordering: .relaxed) }

    func set() { value.store(true, ordering: .relaxed) }
}

/// Which workers suffer a fault.
private final class Turns: Sendable {
    private let most: Int
    private let busy = Mutex<Set<Int>>([])

    init(most: Int) { self.most = most }

    /// Whether the worker may suffer one now.
    func enter(_ worker: Int) -> Bool { busy.withLock { $0.count < most && $0.insert(worker).inserted } }

    func leave(_ worker: Int) { busy.withLock { _ = $0.remove(worker) } }
}

/// What was done, and when.
private final class FaultLog: Sendable {
    private let file: Mutex<FileHandle?>

    init(path: String) {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        file = Mutex(FileHandle(forWritingAtPath: path))
    }

    func say(_ line: String) {
        let text = "\(WallTime.now())  \(line)\n"
        file.withLock { try? $0?.write(contentsOf: Data(text.utf8)) }
    }
}
