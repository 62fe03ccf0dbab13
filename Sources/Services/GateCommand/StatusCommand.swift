internal import ArgumentParser
internal import GateSettings
internal import GateStore

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows the node's processes, workers, sessions and what was refused lately.",
        discussion: """
            A peer that is refused is told nothing; the reason is here, on the side that refused. A dial without an
            answer says "wrong UUID, secret or clock, or not allowed": the other side keeps silent in all these cases.
            """)
    @OptionGroup var node: NodeOptions
    @OptionGroup var listing: ListingOptions
    @Option(help: "How many refusals to show.") var refusals = 10

    struct Report: Encodable {
        let node: String
        let processes: [NodeState.Child]
        let workers: [WorkerListing.Row]
        let sessions: [SessionListing.Row]
        let refusals: [SessionListing.Refusal]
    }

    func run() async throws {
        let settings = try await node.settings()
        let uuid = try NodeIdentityName.node(of: settings)
        let state = NodeState.read(settings)
        let limit = min(max(refusals, 0), StoreLimit.pageRows)
        if !listing.json { printHead("\(uuid)", state) }
        let (workers, sessions, refused) = try await OperatorLink.with(settings) { store in
            (
                try await store.workers(), try await SessionListing.allSessions(in: store),
                limit == 0 ? [] : try await store.refusals(limit: limit)
            )
        }
        let workerRows = WorkerListing.listing(of: workers)
        let sessionRows = SessionListing.listing(of: sessions)
        let refusalRows = SessionListing.listing(of: refused)
        if listing.json {
            printLine(
                try jsonText(
                    Report(
                        node: "\(uuid)", processes: state?.children ?? [], workers: workerRows.rows,
                        sessions: sessionRows.rows, refusals: refusalRows.rows)))
        } else {
            printLine("\n\(workerRows.table())\n\n\(sessionRows.table())\n\n\(refusalRows.table())")
        }
    }

    private func printHead(_ uuid: String, _ state: NodeState?) {
        printLine("node \(uuid)")
        guard let state else { return printLine("`quantumgate node` does not run here.") }
        let processes = Listing<NodeState.Child>(
            columns: [
                ("PROCESS", { $0.name }), ("STATE", { $0.phase }), ("PID", { $0.pid.map { "\($0)" } ?? "" }),
                ("RESTARTS", { "\($0.restarts)" }), ("LAST END", { $0.lastEnd ?? "" }),
            ], rows: state.children, empty: "")
        printLine(processes.table())
    }
}
