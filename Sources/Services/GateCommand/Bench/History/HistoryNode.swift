import Glibc
import GateModel
import GateSettings
import Synchronization

/// The node under test: database service, workers and replicas of an extender as processes, and between all of them
/// forwarders that can hold them up. Started from here and not by a supervisor, whose pauses would grow with each kill.
final class HistoryNode: Sendable {
    /// Where peers dial: each connection goes to another worker.
    let address: NodeAddress
    private let node: DemoNode
    private let programs: ProgramFolder
    private let peers: FaultyForwarder
    private let links: [FaultyForwarder]
    private let databases: [FaultyForwarder]
    private let processes = Mutex(Processes())

    private struct Processes {
        var database: ChildProcess?
        var workers: [Int: ChildProcess] = [:]
        var replicas: [Int: ChildProcess] = [:]
    }

    private static let readySeconds = 60.0
    private static let stopSeconds = 6.0

    /// Makes the node's folder, with its data in the server's empty database.
    static func make(below folder: String, workers: Int, programs: ProgramFolder, server: BenchServer)
        async throws -> HistoryNode
    {
        guard let base = FreePorts.bases(count: 1).first else {
            throw DemoNode.Failure("there are not enough free ports")
        }
        func places(_ offset: UInt16) -> [Endpoint] {
            (0..<workers).map { Endpoint(host: "127.0.0.1", port: base + offset + UInt16($0)) }
        }
        let peers = try await FaultyForwarder.start(to: places(0))
        var links: [FaultyForwarder] = []
        var databases: [FaultyForwarder] = []
        for place in places(10) {
            links.append(try await FaultyForwarder.start(to: [place]))
            databases.append(
                try await FaultyForwarder.start(to: [Endpoint(host: "127.0.0.1", port: base + 20)]))
        }
        let node = try await BlockingWork.run {
            let node = try DemoNode(
                name: "history", below: folder, portBase: base, programs: programs, workers: workers,
                database: server.url, advertise: { _ in peers.endpoint })
            try HistoryAudit.install(in: server)
            return node
        }
        return HistoryNode(node, programs, peers, links, databases)
    }

    private init(
        _ node: DemoNode, _ programs: ProgramFolder, _ peers: FaultyForwarder, _ links: [FaultyForwarder],
        _ databases: [FaultyForwarder]
    ) {
        self.node = node
        self.programs = programs
        self.peers = peers
        self.links = links
        self.databases = databases
        address = NodeAddress(node: node.uuid, endpoint: peers.endpoint)
    }

    // MARK: Processes. Block their thread.

    /// Starts everything. The journals of replicas, counted from 1, are where `journal` says.
    func start(replicas: Int, journal: (Int) -> String) throws {
        let database = try child("gate-database", "database-1")
        processes.withLock { $0.database = database }
        try node.set([
            ("access.default", "allow"), ("handshake.free-attempts", "1000000"),
            ("handshake.per-address-maximum", "1000000"), ("handshake.half-open-maximum", "100000"),
            ("worker.lease", "\(Int(HistoryFault.lease))s"),
        ])
        for worker in links.indices { try startWorker(worker) }
        for number in 1...replicas {
            let name = "\(SoakEcho.label)-\(number)"
            try node.command(
                "credential", "issue", "--role", "extender", "--extender", "\(SoakEcho.extender)", "--name", name)
            let replica = try ChildProcess(
                programs.quantumgate,
                [
                    "bench-end", "history", "--folder", node.directory, "--name", name, "--journal", journal(number),
                ], errors: "\(node.directory).\(name).log")
            try awaitReady(replica, name)
            processes.withLock { $0.replicas[number] = replica }
        }
    }

    /// Has the replicas write their journals down.
    func flush() throws {
        for (number, replica) in processes.withLock({ $0.replicas }) {
            replica.writeLine("flush")
            let deadline = MonotonicSeconds.now() + HistoryNode.readySeconds
            guard try replica.readLine(deadline: deadline, for: "its journal") == "flushed" else {
                throw DemoNode.Failure("replica \(number) ended before its journal was written")
            }
        }
    }

    func stop() {
        let all = processes.withLock { processes in
            defer { processes = Processes() }
            return Array(processes.replicas.values) + Array(processes.workers.values)
                + [processes.database].compactMap(\.self)
        }
        for process in all { process.stop(grace: HistoryNode.stopSeconds) }
    }

    /// Lets all connections between the parties go.
    func stopForwarders() async { for forwarder in [peers] + links + databases { await forwarder.stop() } }

    private func startWorker(_ index: Int) throws {
        let process = try child(
            "gate-kernel", LocalSettings.kernelName(index: index),
            [
                "QUANTUMGATE_PEERS_LISTEN": "127.0.0.1:\(node.portBase + UInt16(index))",
                "QUANTUMGATE_KERNEL_ADVERTISE": "\(links[index].endpoint)", "QUANTUMGATE_KERNEL_EVENT_LOOPS": "1",
                "QUANTUMGATE_DATABASE_ENDPOINTS": "\(databases[index].endpoint)",
            ])
        processes.withLock { $0.workers[index] = process }
    }

    private func child(
        _ program: String, _ name: String, _ environment: [String: String] = [:]
    ) throws -> ChildProcess {
        let process = try ChildProcess(
            "\(programs.path)/\(program)", ["--dir", node.directory, "--name", name],
            errors: "\(node.directory).\(name).log",
            environment: environment.merging(["SWIFT_BACKTRACE": "enable=no"]) { $1 })
        do {
            try awaitReady(process, name)
        } catch {
            process.stop(grace: 0)
            throw error
        }
        return process
    }

    private func awaitReady(_ process: ChildProcess, _ name: String) throws {
        let deadline = MonotonicSeconds.now() + HistoryNode.readySeconds
        while let line = try process.readLine(deadline: deadline, for: "\(name)'s ready line") {
            if line.hasPrefix("ready ") { return }
        }
        throw ChildProcess.Failure.endedBefore("\(name) was ready")
    }

    // MARK: Faults

    /// Does it to the worker, from its beginning until the worker is as before.
    func suffer(_ fault: HistoryFault) async throws {
        switch fault.kind {
        case .kill:
            worker(fault.worker)?.signal(SIGKILL)
            try await BlockingWork.run { _ = self.worker(fault.worker)?.wait() }
            try await Task.sleep(for: .seconds(fault.seconds))
            try await BlockingWork.run { try self.startWorker(fault.worker) }
        case .pause:
            guard let pid = worker(fault.worker)?.pid else { return }
            // Its input closes with this process, too: no worker stays stopped.
            let script = "trap '' INT TERM; kill -STOP $0; cat >/dev/null; kill -CONT $0"
            let shell = try ChildProcess("/bin/sh", ["-c", script, "\(pid)"])
            try? await Task.sleep(for: .seconds(fault.seconds))
            shell.closeInput()
            _ = try await BlockingWork.run { shell.wait() }
        case .database: try await holdUp([(databases[fault.worker], 0)], fault)
        case .extender: try await holdUp([(links[fault.worker], 0)], fault)
        case .peers: try await holdUp([(peers, fault.worker)], fault)
        case .isolation:
            let all = [(databases[fault.worker], 0), (links[fault.worker], 0), (peers, fault.worker)]
            try await holdUp(all, fault)
        }
    }

    /// Whether the worker's process has ended by itself.
    func hasEnded(_ index: Int) -> Bool { worker(index).map { $0.poll() != nil } ?? true }

    private func worker(_ index: Int) -> ChildProcess? { processes.withLock { $0.workers[index] } }

    private func holdUp(_ places: [(FaultyForwarder, Int)], _ fault: HistoryFault) async throws {
        for (forwarder, target) in places { forwarder.hold(target, fault.hold) }
        defer { for (forwarder, target) in places { forwarder.release(target, heals: fault.heals) } }
        try await Task.sleep(for: .seconds(fault.seconds))
    }
}
