internal import ArgumentParser
internal import Foundation
internal import GateCrypto
internal import GateDatabase
internal import GateModel
internal import GateSettings
internal import GateSupervisor
internal import GateTelemetry
internal import Logging
internal import ServiceLifecycle
internal import Synchronization
internal import UnixSignals

struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Runs the whole node on this machine until SIGTERM or Ctrl-C.",
        discussion: """
            Starts the database service, the kernel workers and the extenders as child processes, starts again what
            ends, and prints one line `ready {…}` on standard output when all of them serve. Logs go to standard error.
            """)
    @OptionGroup var node: NodeOptions
    @Argument(help: "The node's folder, made by `quantumgate init`.", completion: .directory)
    var directory: String?

    func run() async throws {
        let settings = try await NodeOptions.settings(of: node.path(given: directory), filesNeeded: .all)
        let uuid = try NodeIdentityName.node(of: settings)
        let children = try NodeChildren.all(of: settings)
        let lock = try NodeLock(directory: settings.directory)
        defer { lock.release() }
        try NodeFolder.addKernelCredentials(settings)
        _ = Telemetry.start(program: "node", format: settings.log.format, threshold: settings.log.level)
        StandardInputGuard().start()
        let logger = Logger(label: "supervisor")
        if ProcessHardening.isDumpable != false {
            logger.warning("Core dumps can't be switched off: a crash may write secrets to disk")
        }
        let wasReady = Mutex(false)
        let supervisor = SupervisorService(children: children, logger: logger) { statuses in
            try? NodeState(pid: getpid(), statuses: statuses).write(settings.nodeStatePath)
            let isReady = statuses.allSatisfy { $0.phase == .ready }
            let isFirst = isReady && wasReady.withLock { becomesTrue(&$0) }
            guard isFirst else { return }
            var fields = ["node": "\(uuid)", "peers": settings.peers.listen.map(\.description).joined(separator: " ")]
            if settings.socks5.enabled { fields["socks5"] = "\(settings.socks5.listen)" }
            StandardOutput.writeLine(ReadyLine(fields).line)
        }
        defer { try? FileManager.default.removeItem(atPath: settings.nodeStatePath) }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: supervisor)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}

/// The processes of a node on one machine.
enum NodeChildren {
    /// A crash must not print registers and memory, which may hold secrets, nor take the time for it.
    private static let quiet = ["SWIFT_BACKTRACE": "enable=no"]

    /// Database first, then kernels, then extenders.
    static func all(of settings: LocalSettings) throws -> [ChildProgram] {
        func child(_ name: String, _ executable: String, stage: Int) -> ChildProgram {
            ChildProgram(
                name: name, executable: executable, arguments: ["--dir", settings.directory, "--name", name],
                environment: quiet, stage: stage)
        }
        var children = [child("database-1", try program("gate-database"), stage: 0)]
        let kernel = try program("gate-kernel")
        for index in 0..<settings.node.workers {
            children.append(child(LocalSettings.kernelName(index: index), kernel, stage: 1))
        }
        if settings.socks5.enabled { children.append(child("socks5-1", try program("gate-socks5"), stage: 2)) }
        for (name, path) in settings.extenders.sorted(by: { $0.key < $1.key }) {
            children.append(child("\(name)-1", settings.absolute(path), stage: 2))
        }
        return children
    }

    /// The program beside this one.
    static func program(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = (own as NSString).deletingLastPathComponent + "/" + name
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw CommandFailure("there is no program \(path); build it with `swift build`")
        }
        return path
    }
}

private func becomesTrue(_ flag: inout Bool) -> Bool {
    defer { flag = true }
    return !flag
}
