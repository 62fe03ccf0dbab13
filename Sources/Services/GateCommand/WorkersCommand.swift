internal import ArgumentParser
internal import GateStore

struct WorkersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "workers", abstract: "Lists the kernel workers whose lease runs.")
    @OptionGroup var node: NodeOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let rows = try await OperatorLink.with(node) { store in try await store.workers() }
        printLine(try WorkerListing.listing(of: rows).text(json: listing.json))
    }
}

struct DrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain",
        abstract: "Empties a worker before it is stopped: no new peers, those that there are move to other workers.")
    @OptionGroup var node: NodeOptions
    @Argument(help: "The worker's name, as `workers` lists it.") var worker: String
    @Flag(help: "Let it take new peers again.") var undo = false

    func run() async throws {
        let (worker, isDraining) = (worker, !undo)
        try await OperatorLink.with(node) { store in try await store.setDraining(worker, isDraining) }
    }
}

/// Workers as a listing shows them.
enum WorkerListing {
    struct Row: Encodable {
        let name: String
        let link: String
        let admin: String
        let sessions: UInt32
        let circuits: UInt32
        let streams: UInt32
        let draining: Bool
        let leaseLeftSeconds: Int64
    }

    static func listing(of workers: [WorkerRow]) -> Listing<Row> {
        Listing(
            columns: [
                ("WORKER", { $0.name }), ("SESSIONS", { "\($0.sessions)" }), ("CIRCUITS", { "\($0.circuits)" }),
                ("STREAMS", { "\($0.streams)" }), ("DRAINING", { $0.draining ? "yes" : "no" }), ("LINK", { $0.link }),
                ("ADMIN", { $0.admin }),
            ],
            rows: workers.map { worker in
                Row(
                    name: worker.registration.name, link: worker.registration.linkAddress,
                    admin: worker.registration.adminAddress, sessions: worker.load.sessions,
                    circuits: worker.load.circuits, streams: worker.load.streams, draining: worker.isDraining,
                    leaseLeftSeconds: worker.leaseLeft.components.seconds)
            },
            empty: "No worker is registered.")
    }
}
