internal import ArgumentParser
internal import GateLink
internal import GateLinkStore
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import GateStore

struct CredentialCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential", abstract: "Makes credentials for links between the node's own processes.",
        subcommands: [Issue.self, Authority.self])

    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key and a certificate for one process, such as an extender on another host.",
            discussion: """
                Copy the folder to that host; whoever has it can be that process. An extender's credential is also
                granted the right to attach as its UUID, for which the node must be running. What its name was granted
                before stays, and so does a revocation unless --restore is given.

                  quantumgate credential issue --role extender --extender socks5 --name socks5-2 --out ./socks5-2

                With --join it is for any number of processes: each shows it once at its start and gets a certificate of
                its own for a day, under the name NAME-…, which it renews. All have the rights of the join credential;
                revoking its name revokes all of them.

                  quantumgate credential issue --join --role extender --extender socks5 --name socks5 --out ./socks5

                With --endpoint the folder is all that a host of its own needs: `gate-socks5 --dir FOLDER` runs there.

                  quantumgate credential issue --join --role extender --extender socks5 --name socks5 \\
                    --endpoint database-1.example:7720 --endpoint database-2.example:7720 --out ./socks5-host
                """)
        @OptionGroup var node: NodeOptions
        @Option(help: "What it is for: kernel, database, extender or operator.") var role: LinkRoleKind
        @Option(help: "The process's name, unique for its role: letters, digits, '.', '_', '-'.") var name: String
        @Option(help: "For an extender: its UUID, or socks5.") var extender: ExtenderID?
        @Option(help: "Where to write it. (default: credentials/NAME in the node's folder)") var out: String?
        @Option(help: "Days until it ends.") var days = 365
        @Option(name: .customLong("settings"), help: "For an extender: settings that it may read, by prefix.")
        var settingPrefixes: [String] = []
        @Flag(help: "For an extender: do not grant anything now.") var noGrant = false
        @Flag(help: "For an extender: take the revocation of its name back.") var restore = false
        @Flag(help: "For a kernel or an extender: make a join credential, for any number of processes.")
        var join = false
        @Option(
            name: .customLong("endpoint"),
            help: "Where that host reaches the database service; makes a folder with settings. Several are fine.")
        var endpoints: [Endpoint] = []

        func validate() throws {
            guard (role == .extender) == (extender != nil) else {
                throw ValidationError("--extender goes with --role extender, and only with it.")
            }
            guard role != .join else { throw ValidationError("--join is a flag beside --role kernel or extender.") }
            guard !join || role == .kernel || role == .extender else {
                throw ValidationError("--join goes with --role kernel or extender.")
            }
            guard endpoints.isEmpty || out != nil else {
                throw ValidationError("--endpoint makes a folder for another host: say where, with --out.")
            }
            guard endpoints.count <= DatabaseLocalSettings.endpointCountMax else {
                throw ValidationError("\(DatabaseLocalSettings.endpointCountMax) endpoints are the most.")
            }
            guard (1...3_650).contains(days) else { throw ValidationError("--days takes 1 to 3650.") }
        }

        func run() async throws {
            let settings = try await node.settings()
            let authority = try LinkAuthority.load(from: settings.authorityDirectory)
            let role = try linkRole()
            let issued = try authority.issue(role: role, name: name, lifetime: .seconds(days * 86_400))
            let folder = out ?? settings.credentialDirectory(name)
            if endpoints.isEmpty {
                try issued.write(to: folder)
            } else {
                try HostFolder.create(folder, credential: issued, name: name, databases: endpoints)
            }
            printLine(folder)
            guard let link = LinkName(node: authority.node, role: role, name: name), self.role == .extender, !noGrant
            else { return }
            try await grant(link, settings)
        }

        private func grant(_ link: LinkName, _ settings: LocalSettings) async throws {
            let granted = RightsRow.attaching(link, settings: Set(settingPrefixes))
            let restore = restore
            let rights = try await OperatorLink.with(settings) { store in
                let rights = granted.added(to: try await store.rights(of: granted.name), restoring: restore)
                try await store.setRights(rights)
                return rights
            }
            if rights.isRevoked {
                printNote("\(rights.name) stays revoked: it can't attach. --restore takes the revocation back.")
            }
        }

        private func linkRole() throws -> LinkRole {
            switch role {
            case .kernel: return join ? .join(.kernel) : .kernel
            case .database: return .database
            case .operator: return .operator
            case .extender:
                guard let extender else { throw ValidationError("--extender is missing.") }
                return join ? .join(.extender(extender)) : .extender(extender)
            case .join: throw ValidationError("--join is a flag beside --role kernel or extender.")
            }
        }
    }

    struct Authority: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts the link authority into the vault, so that join credentials work.",
            discussion: """
                New nodes have it there. The database service then signs certificates of a day for those who show a join
                credential. The authority's folder stays with you. The node must be running.

                  quantumgate credential authority --store
                """)
        @OptionGroup var node: NodeOptions
        @Flag(help: "Store it, sealed with the vault key, in place of one that is there.") var store = false

        func validate() throws {
            guard store else { throw ValidationError("--store says what to do with it; there is nothing else.") }
        }

        func run() async throws {
            let settings = try await node.settings()
            let texts = try LinkAuthority.load(from: settings.authorityDirectory).texts()
            try await OperatorLink.with(settings) { store in
                try await store.keepAuthority(certificate: texts.certificate, key: texts.key)
            }
        }
    }
}

extension LinkRoleKind: ExpressibleByArgument {}
