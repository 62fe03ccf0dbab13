internal import ArgumentParser
internal import CWipe
internal import GateAdmin
internal import GateCrypto
internal import GateExtenderKit
internal import GateLink
internal import GateLinkStore
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import GateTelemetry
internal import Logging
internal import NIOPosix
internal import Socks5

/// `gate-socks5`: a replica of the SOCKS5 extender.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate-socks5",
        abstract: "A SOCKS5 proxy over the node's circuits and, where settings allow, an exit for other nodes.",
        discussion: "Started by `quantumgate node`, or by whatever runs your services.")
    @Option(name: .customLong("dir"), help: "The node's folder.") var directory: String
    @Option(help: "Name of this replica and of its credential. (default: the only one in the folder, else socks5-1)")
    var name: String?
    @Option(help: "Join as one more replica by this join credential, under a name of its own.") var join: String?

    func run() async throws {
        let settings = try await LocalSettings.load(directory: directory, filesNeeded: [])
        let name = join ?? name ?? settings.soleCredential ?? "socks5-1"
        let metrics = Telemetry.start(program: name, format: settings.log.format, threshold: settings.log.level)
        let logger = Logger(label: "socks5")
        if !ProcessHardening.disableCoreDumps() {
            logger.warning("Core dumps can't be switched off: a crash may write secrets to disk")
        }
        ProcessHardening.raiseDescriptorLimit()
        StandardInputGuard().start()

        // One loop: then no byte crosses threads between a client and its link.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let eventLoop = group.next()
        let membership = try LinkMembership(
            folder: settings.credentialDirectory(name), databases: settings.database.dialled, program: "socks5",
            eventLoop: eventLoop, logger: logger)
        let database = DatabaseLink(
            endpoints: settings.database.dialled, membership: membership, program: "socks5", eventLoop: eventLoop,
            logger: logger)
        var configuration = Socks5Configuration(
            listen: [settings.socks5.listen], access: .database(database), group: group)
        configuration.advertisedHosts = settings.peers.advertise.map(\.host)
        configuration.ready = { endpoints in
            StandardOutput.writeLine(
                ReadyLine(["socks5": endpoints.map(\.description).joined(separator: " ")]).line)
        }
        let service = Socks5Service(configuration: configuration, logger: logger)
        let credentials = membership.gauges()
        let sources = AdminService.Sources(
            metrics: {
                credentials.record()
                return metrics.text()
            },
            unreadiness: { service.extender.attachedWorkers.isEmpty ? "no worker is attached" : nil })
        let admin = AdminService(
            endpoint: settings.socks5.admin, sources: sources, isExposed: settings.admin.exposed, logger: logger)
        try await ProgramGroup(
            admin: admin, logger: logger, serve: { try await service.run() }
        ).run()
    }
}
