internal import ArgumentParser
internal import GateModel
internal import GateStore

struct BansCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bans",
        abstract: "Shows and lifts bans of nodes and addresses.",
        discussion: """
            Bans are given by `peers ban` and `access ban`, or earned by faults: who has no reputation left is banned until
            it has. They hold on every worker and survive restarts. A node that was denied (`peers deny`) or a block that
            was (`access filter deny`) is not banned and not listed here.
            """,
        subcommands: [List.self, Lift.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the bans that hold.")
        @OptionGroup var node: NodeOptions
        @OptionGroup var listing: ListingOptions

        func run() async throws {
            let rows = try await OperatorLink.with(node) { store in try await BanEditing.allBans(in: store) }
            printLine(try BanListing.listing(of: rows).text(json: listing.json))
        }
    }

    struct Lift: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lifts bans and forgets the faults that brought them.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "UUIDs, addresses or blocks, as `bans list` shows them.") var subjects: [AccessSubject]

        func run() async throws {
            let subjects = subjects
            try await OperatorLink.with(node) { store in
                for subject in subjects { try await store.liftBan(of: subject) }
            }
        }
    }
}

/// How long a ban holds, and why.
struct BanTerm: ParsableArguments {
    @Option(name: .customLong("for"), help: "How long: 90s, 10m, 2h. Left out: until it is lifted.")
    var length: BanLength?
    @Option(help: "Why, for people.") var reason = ""
}

/// A duration as people write it: `90s`, `10m`, `2h`.
struct BanLength: ExpressibleByArgument {
    let duration: Duration

    init?(argument: String) {
        guard let duration = Duration.read(argument) else { return nil }
        self.duration = duration
    }
}

/// What the commands about bans do to a store.
enum BanEditing {
    static func ban(_ subjects: [AccessSubject], _ term: BanTerm, _ node: NodeOptions) async throws {
        let (length, reason) = (term.length?.duration, term.reason)
        let rows = try await OperatorLink.with(node) { store in
            var rows: [BanRow] = []
            for subject in subjects {
                let order = BanOrder(subject: subject, length: length, reason: reason)
                rows.append(try await store.setBan(order, by: OperatorLink.author))
            }
            return rows
        }
        for row in rows { printLine("\(row.subject) banned \(BanListing.end(of: row))") }
    }

    static func allBans(in store: any ReputationStore) async throws -> [BanRow] {
        var rows: [BanRow] = []
        while true {
            let page = try await store.bans(after: rows.last?.subject, limit: StoreLimit.pageRows)
            guard !page.isEmpty else { return rows }
            rows += page
        }
    }
}

/// Bans as a listing shows them.
enum BanListing {
    struct Row: Encodable {
        let subject: String
        let since: String
        let until: String?
        let earned: Bool
        let by: String
        let reason: String
    }

    static func end(of row: BanRow) -> String { row.until.map { "until \(timeText($0.seconds))" } ?? "until lifted" }

    static func listing(of bans: [BanRow]) -> Listing<Row> {
        Listing(
            columns: [
                ("WHO", { $0.subject }), ("SINCE", { $0.since }), ("UNTIL", { $0.until ?? "lifted" }),
                ("BY", { $0.by }), ("REASON", { $0.reason }),
            ],
            rows: bans.map { ban in
                Row(
                    subject: "\(ban.subject)", since: timeText(ban.since.seconds),
                    until: ban.until.map { timeText($0.seconds) }, earned: ban.isEarned, by: ban.author,
                    reason: ban.reason)
            },
            empty: "Nobody is banned.")
    }
}

extension AccessSubject: ExpressibleByArgument {
    /// Reads a UUID, an address or a block.
    package init?(argument: String) { self.init(text: argument) }
}
