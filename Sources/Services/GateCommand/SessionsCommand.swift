internal import ArgumentParser
internal import GateModel
internal import GateStore

struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "Lists the sessions with other nodes.")
    @OptionGroup var node: NodeOptions
    @OptionGroup var listing: ListingOptions

    func run() async throws {
        let rows = try await OperatorLink.with(node) { store in try await SessionListing.allSessions(in: store) }
        printLine(try SessionListing.listing(of: rows).text(json: listing.json))
    }
}

/// Sessions and refusals as listings show them.
enum SessionListing {
    struct Row: Encodable {
        let id: String
        let peer: String
        let worker: String
        let relayed: Bool
        let inbound: Bool
        let since: String
    }

    struct Refusal: Encodable {
        let at: String
        let inbound: Bool
        let peer: String?
        let address: String
        let reason: String
        let worker: String
    }

    static func allSessions(in store: any SessionRegister) async throws -> [SessionRow] {
        var rows: [SessionRow] = []
        while true {
            let page = try await store.sessions(after: rows.last?.id, limit: StoreLimit.pageRows)
            rows += page
            guard page.count == StoreLimit.pageRows else { return rows }
        }
    }

    static func listing(of sessions: [SessionRow]) -> Listing<Row> {
        Listing(
            columns: [
                ("PEER", { $0.peer }), ("WAY", { $0.relayed ? "relayed" : "direct" }),
                ("OPENED BY", { $0.inbound ? "them" : "us" }), ("SINCE", { $0.since }), ("WORKER", { $0.worker }),
                ("SESSION", { $0.id }),
            ],
            rows: sessions.map { session in
                Row(
                    id: "\(session.id)", peer: session.peer.map { "\($0)" } ?? "anonymous", worker: session.worker,
                    relayed: session.isRelayed, inbound: session.isInbound, since: timeText(session.since.seconds))
            },
            empty: "No sessions.")
    }

    static func listing(of refusals: [RefusalRow]) -> Listing<Refusal> {
        Listing(
            columns: [
                ("AT", { $0.at }), ("DIALLED BY", { $0.inbound ? "them" : "us" }), ("PEER", { $0.peer ?? "unknown" }),
                ("ADDRESS", { $0.address }), ("REASON", { $0.reason }),
            ],
            rows: refusals.map { refusal in
                Refusal(
                    at: timeText(refusal.at.seconds), inbound: refusal.isInbound,
                    peer: refusal.node.map { "\($0)" }, address: refusal.address, reason: refusal.reason,
                    worker: refusal.worker)
            },
            empty: "No refused or failed connections.")
    }
}
