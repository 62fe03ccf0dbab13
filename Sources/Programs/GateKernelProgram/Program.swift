internal import ArgumentParser
internal import CWipe
internal import Foundation
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

    func run() async throws {
        let settings = try await LocalSettings.load(directory: directory, filesNeeded: .kernel)
        let metrics = Telemetry.start(program: name, format: settings.log.format, threshold: settings.log.level)
        let logger = Logger(label: "kernel")
        if !ProcessHardening.disableCoreDumps() {
            logger.warning("Core dumps can't be switched off: a crash may write secrets to disk")
        }
        ProcessHardening.raiseDescriptorLimit()
        StandardInputGuard().start()

        let configuration = try configuration(settings)
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: KernelService.eventLoopCount(configuration.eventLoopCount))
        let credential = try LinkCredentialSource(directory: settings.credentialDirectory(name))
        let keeper = LinkKeeper(
            target: .network(settings.database.link, credential: credential), expects: .database,
            eventLoop: group.next(), logger: logger)
        let kernel = KernelService(
            configuration: configuration, store: LinkStore(keeper.requester), group: group, logger: logger
        ) { ready in
            let peers = ready.peerEndpoints.map(\.description).joined(separator: " ")
            StandardOutput.writeLine(
                ReadyLine(["peers": peers, "link": ready.linkEndpoint.map { "\($0)" } ?? ""]).line)
        }
        let sources = AdminService.Sources(
            metrics: { metrics.text() }, unreadiness: { kernel.unreadiness() },
            status: {
                guard let status = await kernel.status(), let text = try? JSONEncoder().encode(status) else {
                    return "{}"
                }
                return String(decoding: text, as: UTF8.self)
            })
        let admin = AdminService(
            endpoint: settings.kernelAdmin(index: index), sources: sources, isExposed: settings.admin.exposed,
            logger: logger)
        try await ProgramGroup(
            admin: admin, logger: logger, serve: { try await kernel.run() }, beside: { await keeper.run() }
        ).run()
    }

    private var index: Int { LocalSettings.kernelIndex(ofName: name) ?? 0 }

    private func configuration(_ settings: LocalSettings) throws -> KernelConfiguration {
        let credential = try LinkCredentialSource(directory: settings.credentialDirectory(name))
        var configuration = KernelConfiguration(
            name: name, node: credential.current().name.node, settings, index: index)
        configuration.credential = credential
        configuration.sharedSecret = try settings.sharedSecretPath.map(SharedSecretFile.load)
        configuration.resumesSessions = true
        return configuration
    }
}
