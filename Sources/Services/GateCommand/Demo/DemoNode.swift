import Foundation
package import GateModel
import GateSettings
import Synchronization

/// Where the programs are.
package struct ProgramFolder: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// The folder of the running program.
    package static func ofThisProgram() -> ProgramFolder {
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "."
        return ProgramFolder(path: URL(fileURLWithPath: program).deletingLastPathComponent().path)
    }

    package var quantumgate: String { "\(path)/quantumgate" }
}

/// A node on this machine in a folder of its own: database service, kernel and socks5 as processes below a supervisor.
package final class DemoNode: Sendable {
    /// Why a node isn't as it should be.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(_ description: String) { self.description = description }
    }

    package let name: String
    package let uuid: NodeUUID
    package let directory: String
    package let portBase: UInt16
    /// The address on which other nodes reach it, and where it listens on this machine.
    package let host: String
    let workers: Int
    private let programs: ProgramFolder
    private let supervisor = Mutex<ChildProcess?>(nil)

    /// Seconds that any one command may take.
    private static let commandSeconds = 30.0
    /// Seconds until a node serves.
    private static let startSeconds = 60.0

    /// Makes the node's folder with `quantumgate init`.
    ///
    /// - Parameters:
    ///   - isPostQuantum: Whether its identity has an ML-DSA key.
    ///   - advertise: The address that it tells others, by the one where it listens.
    package init(
        name: String, below parent: String, portBase: UInt16, programs: ProgramFolder, host: String = "127.0.0.1",
        workers: Int = 1, database: String? = nil, isPostQuantum: Bool = false,
        advertise: (Endpoint) throws -> Endpoint = { $0 }
    ) throws {
        self.name = name
        self.portBase = portBase
        self.programs = programs
        self.host = host
        self.workers = workers
        directory = "\(parent)/\(name)"
        let listen = Endpoint(host: host, port: portBase)
        let made = try ChildProcess.run(
            programs.quantumgate,
            [
                "init", directory, "--port-base", "\(portBase)", "--listen", "\(listen)", "--advertise",
                "\(try advertise(listen))", "--workers", "\(workers)",
            ] + (database.map { ["--database", $0] } ?? []) + (isPostQuantum ? ["--pq-identity"] : []),
            errors: "\(parent)/\(name).init.log", within: DemoNode.commandSeconds)
        guard made.code == 0 else {
            throw Failure("init of \(name) ended with code \(made.code): see \(parent)/\(name).init.log")
        }
        guard let uuid = DemoNode.firstUUID(in: made.output) else {
            throw Failure("init of \(name) printed no UUID: \(made.output)")
        }
        self.uuid = uuid
    }

    package var peerEndpoint: Endpoint { Endpoint(host: host, port: portBase) }
    package var kernelLink: Endpoint { Endpoint(host: "127.0.0.1", port: portBase + 10) }
    package var databaseLink: Endpoint { Endpoint(host: "127.0.0.1", port: portBase + 20) }
    package var kernelAdmin: Endpoint { Endpoint(host: "127.0.0.1", port: portBase + 30) }
    /// The metrics and status of its second worker, where it has one.
    package var secondKernelAdmin: Endpoint { Endpoint(host: "127.0.0.1", port: portBase + 40) }
    package var socks: Endpoint { Endpoint(host: "127.0.0.1", port: portBase + 80) }
    /// What all processes of the node log.
    package var log: String { "\(directory).log" }
    /// SQLite's file; its journal is beside it.
    package var database: String { "\(directory)/data/node.sqlite" }

    /// Starts the supervisor and waits for its ready line; blocks its thread.
    package func start() throws {
        let child = try ChildProcess(programs.quantumgate, ["node", directory], errors: log)
        supervisor.withLock { $0 = child }
        let deadline = MonotonicSeconds.now() + DemoNode.startSeconds
        while let line = try child.readLine(deadline: deadline, for: "\(name)'s ready line") {
            if line.hasPrefix("ready ") { return }
        }
        throw Failure("\(name) ended with code \(child.wait()) before it was ready: see \(log)")
    }

    /// Asks all of its processes to stop, and makes them after a while.
    package func stop() {
        guard let child = supervisor.withLock({ $0 }) else { return }
        let tree = processes
        child.stop(grace: 6)
        for pid in tree where pid != child.pid { kill(pid, SIGKILL) }
        supervisor.withLock { $0 = nil }
    }

    /// Kills the supervisor, then everything below it, at once.
    package func killAll() {
        guard let child = supervisor.withLock({ $0 }) else { return }
        let tree = processes
        kill(child.pid, SIGSTOP)  // so that it can't bring back what is killed
        for pid in tree where pid != child.pid { kill(pid, SIGKILL) }
        child.signal(SIGKILL)
        child.wait()
        supervisor.withLock { $0 = nil }
    }

    /// Kills the supervisor only.
    package func killSupervisor() {
        supervisor.withLock { $0 }?.signal(SIGKILL)
        supervisor.withLock { $0 }?.wait()
        supervisor.withLock { $0 = nil }
    }

    package var isRunning: Bool { supervisor.withLock { $0?.poll() == nil && $0 != nil } }

    /// Ids of all processes of the node.
    package var processes: [Int32] { supervisor.withLock { $0 }.map { ProcessCost.tree(root: $0.pid) } ?? [] }

    /// The ids of processes of the node that run that program, e.g. `gate-kernel`.
    package func processes(running program: String) -> [Int32] {
        processes.filter { pid in
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
            return path.map { URL(fileURLWithPath: $0).lastPathComponent == program } ?? false
        }
    }

    /// The process of one of its workers, counted from 0; `nil` while it does not run. Process ids say nothing of which
    /// is which: workers start at the same time.
    func process(ofWorker index: Int) -> Int32? {
        processes(running: "gate-kernel").first { pid in
            let arguments = ProcessCost.read("/proc/\(pid)/cmdline")?.split(separator: "\0") ?? []
            return arguments.contains { $0 == LocalSettings.kernelName(index: index) }
        }
    }

    /// Runs a command on the node and returns what it printed.
    @discardableResult
    package func command(_ arguments: String...) throws -> String {
        let done = try ChildProcess.run(
            programs.quantumgate, arguments + ["--dir", directory], errors: "\(directory).commands.log",
            within: DemoNode.commandSeconds)
        guard done.code == 0 else {
            throw Failure(
                "'quantumgate \(arguments.prefix(4).joined(separator: " ").prefix(120))' on \(name) ended with code "
                    + "\(done.code): see \(directory).commands.log")
        }
        return done.output
    }

    /// Changes node settings.
    package func set(_ settings: [(key: String, value: String)]) throws {
        for setting in settings { try command("settings", "set", setting.key, setting.value) }
    }

    /// Holds workers that start from now on to a version of the peer protocol.
    package func hold(toVersion version: Int) throws {
        let file = "\(directory)/quantumgate.yaml"
        let key = "  newestVersion:"
        var lines = try String(contentsOfFile: file, encoding: .utf8).split(
            separator: "\n", omittingEmptySubsequences: false)
        lines.removeAll { $0.hasPrefix(key) }
        guard let peers = lines.firstIndex(of: "peers:") else { throw Failure("\(file) has no peers") }
        lines.insert("\(key) \(version)", at: peers + 1)
        try lines.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    }

    /// The line that `peers add` takes, with the node's signed record.
    package func card() throws -> String {
        let text = try command("card", "--record")
        guard let line = text.split(separator: "\n").first(where: { $0.contains("@") && $0.contains("#") }) else {
            throw Failure("card of \(name) printed no record")
        }
        return String(line)
    }

    /// What its workers tell about themselves now, in one.
    package func observe() throws -> NodeObservation {
        try (1..<workers).reduce(into: try observe(worker: 0)) { $0.add(try observe(worker: $1)) }
    }

    /// What one of its workers, counted from 0, tells about itself now.
    package func observe(worker index: Int) throws -> NodeObservation {
        let port = portBase + 30 + (index == 0 ? 0 : UInt16(index) + 9)
        return try NodeObservation(admin: Endpoint(host: "127.0.0.1", port: port))
    }

    private static func firstUUID(in text: String) -> NodeUUID? {
        text.split { !($0.isHexDigit || $0 == "-") }.lazy.compactMap { NodeUUID(text: $0) }.first
    }
}
