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
        subcommands: [Issue.self])

    struct Issue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key and a certificate for one process, such as an extender on another host.",
            discussion: """
                Copy the folder to that host; whoever has it can be that process. An extender's credential is also
                granted the right to attach as its UUID, for which the node must be running. What its name was granted
                before stays, and so does a revocation unless --restore is given.

                  quantumgate credential issue --role extender --extender socks5 --name socks5-2 --out ./socks5-2
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

        func validate() throws {
            guard (role == .extender) == (extender != nil) else {
                throw ValidationError("--extender goes with --role extender, and only with it.")
            }
            guard (1...3_650).contains(days) else { throw ValidationError("--days takes 1 to 3650.") }
        }

        func run() async throws {
            let settings = try await node.settings()
            let authority = try LinkAuthority.load(from: settings.authorityDirectory)
            let role = try linkRole()
            let issued = try authority.issue(role: role, name: name, lifetime: .seconds(days * 86_400))
            let folder = out ?? settings.credentialDirectory(name)
            try issued.write(to: folder)
            printLine(folder)
            guard let link = LinkName(node: authority.node, role: role, name: name), role.kind == .extender, !noGrant
            else { return }
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
            case .kernel: return .kernel
            case .database: return .database
            case .operator: return .operator
            case .extender:
                guard let extender else { throw ValidationError("--extender is missing.") }
                return .extender(extender)
            }
        }
    }
}

extension LinkRoleKind: ExpressibleByArgument {}
