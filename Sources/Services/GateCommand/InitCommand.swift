internal import ArgumentParser
internal import GateModel
internal import GateSettings

struct InitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes a node's folder: identity, settings, credentials; prints the node's UUID.",
        discussion: """
            Never overwrites a node. Several nodes on one machine need ports of their own:

              quantumgate init a --port-base 7700
              quantumgate init b --port-base 7800

            With a base N: peers at N, links from N + 10, database N + 20, metrics from N + 30, SOCKS5 at N + 80.
            """)
    @OptionGroup var node: NodeOptions
    @Argument(help: "The folder to make.", completion: .directory)
    var directory: String?
    @Option(
        name: .customLong("listen"), parsing: .upToNextOption,
        help: "Where other nodes connect; several are fine. (default: 0.0.0.0:7700 [::]:7700)")
    var listen: [Endpoint] = []
    @Option(
        name: .customLong("advertise"), parsing: .upToNextOption,
        help: "Addresses to put on the node's card, where they differ.")
    var advertise: [Endpoint] = []
    @Option(help: "Derives every port from this one.") var portBase: UInt16?
    @Option(help: "Kernel workers to run.") var workers = 1
    @Option(help: "Where programs on this machine speak SOCKS5.") var socks5: Endpoint?
    @Flag(help: "Make a secret that this node shares with all of its network; the others get a copy of its file.")
    var sharedSecret = false
    @Option(help: "File with the secret of the network that the node joins, mode 0600.") var sharedSecretFile: String?
    @Flag(
        help: """
            Give the identity an ML-DSA-65 key beside its Ed25519 key, for good: who forges one must forge both. Only \
            nodes that know of it can connect.
            """)
    var pqIdentity = false
    @Option(help: "A URL of PostgreSQL, without a password, to keep the data in. (default: a file of SQLite)")
    var database: String?
    @Option(help: "File with the password of PostgreSQL's role, mode 0600.") var databasePasswordFile: String?
    @Flag(help: "Take a PostgreSQL on another machine that proves nothing.") var databaseAllowPlain = false

    func validate() throws {
        guard NodeLocalSettings.workersRange.contains(workers) else {
            let range = NodeLocalSettings.workersRange
            throw ValidationError("--workers takes \(range.lowerBound) to \(range.upperBound).")
        }
        guard (portBase ?? 1) > 0, (portBase ?? 1) <= LocalSettings.portBaseMax else {
            throw ValidationError("--port-base takes 1 to \(LocalSettings.portBaseMax).")
        }
        guard max(listen.count, advertise.count) <= PeerListenSettings.listenCountMax else {
            throw ValidationError("\(PeerListenSettings.listenCountMax) addresses are the most.")
        }
        guard !sharedSecret || sharedSecretFile == nil else {
            throw ValidationError("--shared-secret makes a new secret, --shared-secret-file takes one that is there.")
        }
    }

    func run() async throws {
        var settings = LocalSettings(directory: node.path(given: directory))
        if let portBase { settings.derivePorts(from: portBase) }
        if !listen.isEmpty { settings.peers.listen = listen }
        settings.peers.advertise = advertise
        settings.node.workers = workers
        if let socks5 { settings.socks5.listen = socks5 }
        settings.peers.sharedSecretFile =
            sharedSecret ? LocalSettings.sharedSecretFileName : sharedSecretFile.map { NodeOptions.absolute($0) }
        if let database {
            settings.database.kind = .postgresql
            settings.database.url = database
            settings.database.passwordFile = databasePasswordFile.map { NodeOptions.absolute($0) }
            settings.database.allowPlain = databaseAllowPlain
        }
        let uuid = try await NodeFolder.create(settings, withSharedSecret: sharedSecret, isPostQuantum: pqIdentity)
        printLine("\(uuid)")
        printNote(InitCommand.advice(settings))
    }

    static func advice(_ settings: LocalSettings) -> String {
        """

        Made \(settings.directory).

        The node's identity is these two, and only together:
          \(databaseName(settings))   the identity key, sealed
          \(settings.vaultKeyPath)   what opens it
        Save both where only you can read them, also:
          \(settings.authorityDirectory)/, \(settings.directory)/credentials/   for the node's own processes
        `quantumgate backup FILE` saves the database, also while the node runs; `quantumgate restore FILE` puts it back.
        What is lost can't be made again: a new identity is a new UUID, and every peer has to add it anew.
        \(secretAdvice(settings))
        Next:
          quantumgate node \(settings.directory)
          quantumgate card --dir \(settings.directory)
        """
    }

    /// What to do with the network's secret, where there is one; begins and ends with a line break.
    private static func secretAdvice(_ settings: LocalSettings) -> String {
        guard let path = settings.sharedSecretPath else { return "" }
        return """

            Only who has the network's secret can reach the node, or be reached by it. Every node of the network needs a
            copy, by a way that nobody reads; there: `quantumgate init --shared-secret-file FILE`.
              \(path)

            """
    }

    private static func databaseName(_ settings: LocalSettings) -> String {
        settings.database.kind == .sqlite ? settings.databasePath : settings.database.url ?? ""
    }
}
