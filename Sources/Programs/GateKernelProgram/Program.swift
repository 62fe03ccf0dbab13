internal import ArgumentParser
internal import CWipe
internal import GateAdmin
internal import GateCrypto
internal import GateKernel
internal import GateLink
internal import GateLinkStore
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import GateTelemetry
internal import Logging
internal import NIOPosix

/// `gate-kernel`: one kernel worker of a node.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate-kernel", abstract: "Holds a node's connections to peers and carries its extenders' traffic.",
        discussion: "Started by `quantumgate node`, or by whatever runs your services.")
    @Option(name: .customLong("dir"), help: "The node's folder.") var directory: String
    @Option(help: "Name of this worker and of its credential: kernel-1, kernel-2, …") var name = "kernel-1"
    @Option(help: "Join as one more worker by this join credential, under a name of its own.") var join: String?

    func run() async throws {
        let settings = try await LocalSettings.load(directory: directory, filesNeeded: .kernel)
        let metrics = Telemetry.start(program: join ?? name, format: settings.log.format, threshold: settings.log.level)
        let logger = Logger(label: "kernel")
        if !ProcessHardening.disableCoreDumps() {
            logger.warning("Core dumps can't be switched off: a crash may write secrets to disk")
        }
        ProcessHardening.raiseDescriptorLimit()
        StandardInputGuard().start()

        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: KernelService.eventLoopCount(
                settings.kernel.eventLoops, workersHere: settings.node.workers))
        let eventLoop = group.next()
        let membership = try LinkMembership(
            folder: settings.credentialDirectory(join ?? name), databases: settings.database.dialled,
            program: "kernel", eventLoop: eventLoop, logger: logger)
        try await membership.join(patience: LinkMembership.startPatience)
        let own = membership.credential.current().name
        let index = LocalSettings.kernelIndex(ofName: name) ?? 0
        var configuration = try KernelConfiguration(name: own.name, node: own.node, settings, index: index)
        configuration.credential = membership.credential
        configuration.resumesSessions = true
        let keeper = LinkKeeper(
            target: .replicas(settings.database.dialled, credential: membership.credential), expects: .database,
            eventLoop: eventLoop, settings: .database, logger: logger)
        let kernel = KernelService(
            configuration: configuration, store: LinkStore(keeper.requester), group: group, logger: logger
        ) { ready in
            let peers = ready.peerEndpoints.map(\.description).joined(separator: " ")
            StandardOutput.writeLine(
                ReadyLine(["peers": peers, "link": ready.linkEndpoint.map { "\($0)" } ?? ""]).line)
        }
        let credentials = membership.gauges()
        let sources = AdminService.Sources(
            metrics: {
                credentials.record()
                return metrics.text()
            },
            unreadiness: { kernel.unreadiness() },
            status: { await kernel.status()?.json ?? "{}" })
        let admin = AdminService(
            endpoint: settings.kernelAdmin(index: index), sources: sources, isExposed: settings.admin.exposed,
            logger: logger)
        try await ProgramGroup(
            admin: admin, logger: logger,
            serve: { try await membership.renewing(over: LinkStore(keeper.requester)) { try await kernel.run() } },
            beside: { await keeper.run() }
        ).run()
    }
}
