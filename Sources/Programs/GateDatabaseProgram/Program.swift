internal import ArgumentParser
internal import CWipe
internal import GateAdmin
internal import GateCrypto
internal import GateDatabase
internal import GateLinkTransport
internal import GateSettings
internal import GateTelemetry
internal import Logging
internal import NIOPosix

/// `gate-database`: the database service of a node.
@main
struct Program: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate-database",
        abstract: "Serves a node's settings, peers, identity and data to its other processes.",
        discussion: "Started by `quantumgate node`, or by whatever runs your services.")
    @Option(name: .customLong("dir"), help: "The node's folder.") var directory: String
    @Option(help: "Name of this process and of its credential.") var name = "database-1"

    @Flag(help: "Bring the database's tables up to date and end.") var migrate = false

    func run() async throws {
        // Tables need no key: only the service itself opens the identity.
        let settings = try await LocalSettings.load(directory: directory, filesNeeded: migrate ? .tables : .database)
        let metrics = Telemetry.start(program: name, format: settings.log.format, threshold: settings.log.level)
        let logger = Logger(label: "database")
        if !ProcessHardening.disableCoreDumps() {
            logger.warning("Core dumps can't be switched off: a crash may write secrets to disk")
        }
        ProcessHardening.raiseDescriptorLimit()
        StandardInputGuard().start()

        if migrate {
            try await NodeDatabase.migrate(DatabasePlace(settings))
            return logger.notice("The database's tables are up to date")
        }
        let credential = try LinkCredentialSource(directory: settings.credentialDirectory(name))
        let database = try await NodeDatabase.open(
            DatabasePlace(settings), vaultKeyFile: settings.vaultKeyPath)
        let service = try await DatabaseService.bind(
            database, to: settings.database.link, credential: credential, group: MultiThreadedEventLoopGroup.singleton,
            logger: logger)
        let credentials = CredentialGauges(issued: credential)
        let sources = AdminService.Sources(
            metrics: {
                credentials.record()
                return metrics.text()
            },
            unreadiness: { await database.unreadiness() })
        let admin = AdminService(
            endpoint: settings.database.admin, sources: sources, isExposed: settings.admin.exposed, logger: logger)
        StandardOutput.writeLine(
            ReadyLine(["link": "\(service.endpoint)", "node": "\(database.vault.node)"]).line)
        try await ProgramGroup(admin: admin, logger: logger, serve: { try await service.run() }).run()
    }
}
