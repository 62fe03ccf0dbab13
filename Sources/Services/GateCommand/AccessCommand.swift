internal import ArgumentParser
internal import GateModel
internal import GateStore

struct AccessCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "access", abstract: "Shows and changes from which addresses other nodes may connect.",
        subcommands: [Filter.self, Ban.self])

    struct Filter: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Blocks of addresses that may or may not connect.",
            discussion: """
                Of the blocks that contain an address the longest decides; where there is none, it may connect. Sessions
                from an address that may no longer connect are closed at once. Whom this node dials is not filtered.

                  quantumgate access filter deny 203.0.113.0/24
                  quantumgate access filter allow 203.0.113.7
                """,
            subcommands: [List.self, Allow.self, Deny.self, Remove.self], defaultSubcommand: List.self)
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the blocks.")
        @OptionGroup var node: NodeOptions
        @OptionGroup var listing: ListingOptions

        func run() async throws {
            let rules = try await OperatorLink.with(node) { store in try await store.addressRules() }
            printLine(try AddressBlock.listing(of: rules).text(json: listing.json))
        }
    }

    struct Allow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lets addresses connect.")
        @OptionGroup var node: NodeOptions
        @Argument(help: AddressBlock.help) var blocks: [AddressBlock]

        func run() async throws { try await AccessCommand.set(blocks, isAllowed: true, node) }
    }

    struct Deny: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lets addresses connect no more.")
        @OptionGroup var node: NodeOptions
        @Argument(help: AddressBlock.help) var blocks: [AddressBlock]

        func run() async throws { try await AccessCommand.set(blocks, isAllowed: false, node) }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Forgets what was said about blocks.")
        @OptionGroup var node: NodeOptions
        @Argument(help: AddressBlock.help) var blocks: [AddressBlock]

        func run() async throws {
            let rules = blocks.compactMap { $0.rule(isAllowed: true) }
            try await OperatorLink.with(node) { store in
                for rule in rules { try await store.removeAddressRule(rule) }
            }
        }
    }

    struct Ban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shuts addresses out, for a while or until the ban is lifted.",
            discussion: """
                Every worker closes their sessions and refuses them within a second, whatever `access filter` allows; bans
                survive restarts. `quantumgate bans` lists and lifts them.

                  quantumgate access ban 203.0.113.0/24 --for 2h --reason "floods"
                """)
        @OptionGroup var node: NodeOptions
        @OptionGroup var term: BanTerm
        @Argument(help: AddressBlock.help) var blocks: [AddressBlock]

        func run() async throws {
            try await BanEditing.ban(blocks.map { .block($0) }, term, node)
        }
    }

    private static func set(_ blocks: [AddressBlock], isAllowed: Bool, _ node: NodeOptions) async throws {
        let rules = blocks.compactMap { $0.rule(isAllowed: isAllowed) }
        try await OperatorLink.with(node) { store in
            for rule in rules { try await store.setAddressRule(rule) }
        }
    }
}

extension AddressBlock: ExpressibleByArgument {
    static let help: ArgumentHelp = "Blocks such as 203.0.113.0/24 or 2001:db8::/32, or single addresses."

    /// Reads a block as people write it: `203.0.113.0/24`, `2001:db8::/32`, or one address.
    package init?(argument: String) { self.init(text: argument) }

    func rule(isAllowed: Bool) -> AddressRule? {
        AddressRule(prefix: prefix, length: length, isAllowed: isAllowed)
    }

    struct Row: Encodable {
        let block: String
        let access: String
    }

    static func listing(of rules: [AddressRule]) -> Listing<Row> {
        Listing(
            columns: [("BLOCK", { $0.block }), ("ACCESS", { $0.access })],
            rows: rules.map { rule in
                Row(block: "\(rule.prefix)/\(rule.length)", access: rule.isAllowed ? "allowed" : "denied")
            },
            empty: "No blocks: every address may connect.")
    }
}
