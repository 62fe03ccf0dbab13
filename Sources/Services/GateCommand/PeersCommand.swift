internal import ArgumentParser
internal import GateAccess
internal import GateCrypto
internal import GateModel
internal import GateStore

struct PeersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "peers",
        abstract: "Shows and changes which nodes this one knows, and which may connect.",
        discussion: """
            A node is locked down by default: only peers that are allowed may connect, and only they are dialled.
            `peers add` takes what `quantumgate card` prints on the other node; do it on both nodes.
            """,
        subcommands: [List.self, Add.self, Remove.self, Allow.self, Deny.self, Ban.self],
        defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists known nodes.")
        @OptionGroup var node: NodeOptions
        @OptionGroup var listing: ListingOptions
        @Option(help: "Only peers of which this was decided: allowed, denied or undecided.")
        var access: PeerAccess?

        func run() async throws {
            let access = access
            let (rows, scores) = try await OperatorLink.with(node) { store in
                let rows = try await PeerEditing.allPeers(PeerFilter(access: access), in: store)
                return (rows, try await PeerListing.scores(of: rows, in: store))
            }
            printLine(try PeerListing.listing(of: rows, scores).text(json: listing.json))
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds nodes, or further addresses of known ones, and allows them to connect.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "What `quantumgate card` prints there: UUID@host:port, or with its record. Several are fine.")
        var cards: [PeerCard]
        @Option(help: "A remark for people.")
        var note: String?
        @Flag(inversion: .prefixedNo, help: "Whether the node relays for us.")
        var relay: Bool?
        @Flag(inversion: .prefixedNo, help: "Whether the node may connect.")
        var allow = true

        func validate() throws {
            guard !cards.isEmpty else { throw ValidationError("Give at least one UUID@host:port.") }
        }

        func run() async throws {
            let edit = PeerEdit(access: allow ? .allowed : nil, isRelay: relay, note: note)
            let cards = cards
            let rows = try await OperatorLink.with(node) { store in
                try await PeerEditing.add(cards, edit, in: store)
            }
            for row in rows {
                printLine("\(row.node) \(row.access) \(row.endpoints.map(\.description).joined(separator: " "))")
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Forgets nodes, their pinned identities included; sessions with them end where the default denies.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "UUIDs.") var peers: [NodeUUID]

        func run() async throws {
            let peers = peers
            try await OperatorLink.with(node) { store in
                for peer in peers { try await store.removePeer(peer) }
            }
        }
    }

    struct Allow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Allows nodes to connect, known or not.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "UUIDs.") var peers: [NodeUUID]

        func run() async throws { try await PeerEditing.decide(.allowed, peers, node) }
    }

    struct Deny: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Refuses nodes whatever the defaults say; sessions with them end.")
        @OptionGroup var node: NodeOptions
        @Argument(help: "UUIDs.") var peers: [NodeUUID]

        func run() async throws { try await PeerEditing.decide(.denied, peers, node) }
    }

    struct Ban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shuts nodes out, for a while or until the ban is lifted; they stay in the list.",
            discussion: """
                Every worker closes their sessions and refuses them within a second; bans survive restarts. `quantumgate
                bans` lists and lifts them. Faults of a node bring bans, too: see its reputation in `peers list`.

                  quantumgate peers ban UUID --for 2h --reason "floods"
                """)
        @OptionGroup var node: NodeOptions
        @OptionGroup var term: BanTerm
        @Argument(help: "UUIDs.") var peers: [NodeUUID]

        func run() async throws {
            try await BanEditing.ban(peers.map { .node($0) }, term, node)
        }
    }
}

/// What the commands about peers do to a store.
enum PeerEditing {
    static func allPeers(_ filter: PeerFilter, in store: any PeerStore) async throws -> [PeerRow] {
        var rows: [PeerRow] = []
        while true {
            let page = try await store.peers(filter, after: rows.last?.node, limit: StoreLimit.pageRows)
            rows += page
            guard page.count == StoreLimit.pageRows else { return rows }
        }
    }

    /// Adds each card's endpoint to what is known of its node, and applies `edit` to each node once.
    static func add(_ cards: [PeerCard], _ edit: PeerEdit, in store: any PeerStore) async throws -> [PeerRow] {
        var order: [NodeUUID] = []
        var grouped: [NodeUUID: [PeerCard]] = [:]
        for card in cards {
            if grouped[card.address.node] == nil { order.append(card.address.node) }
            grouped[card.address.node, default: []].append(card)
        }
        var rows: [PeerRow] = []
        for node in order {
            var edit = edit
            let group = grouped[node] ?? []
            let known = try await store.peer(node)?.endpoints ?? []
            let added = group.map(\.address.endpoint).filter { !known.contains($0) }
            edit.endpoints = Array((added + known).prefix(StoreLimit.peerEndpoints))
            if let record = group.map(\.record).last(where: { !$0.isEmpty }) {
                edit.record = record
                if edit.isRelay == nil { edit.isRelay = PeerCard.verified(record, of: node)?.relays }
            }
            rows.append(try await store.editPeer(node, edit))
        }
        return rows
    }

    static func decide(_ access: PeerAccess, _ peers: [NodeUUID], _ node: NodeOptions) async throws {
        try await OperatorLink.with(node) { store in
            for peer in peers { _ = try await store.editPeer(peer, PeerEdit(access: access)) }
        }
    }
}

/// Peers as a listing shows them.
enum PeerListing {
    struct Row: Encodable {
        let uuid: String
        let access: String
        let relay: Bool
        let endpoints: [String]
        let firstSeen: String?
        let lastSeen: String?
        /// From -3000 to 100; who has 0 or less is banned.
        let reputation: Int
        let note: String
    }

    /// Reputations of those that have done something wrong.
    static func scores(of peers: [PeerRow], in store: any ReputationStore) async throws -> [AccessSubject: Int] {
        var scores: [AccessSubject: Int] = [:]
        for start in stride(from: 0, to: peers.count, by: StoreLimit.pageRows) {
            let subjects = peers[start..<min(start + StoreLimit.pageRows, peers.count)].map {
                AccessSubject.node($0.node)
            }
            for row in try await store.reputations(of: subjects) { scores[row.subject] = row.score }
        }
        return scores
    }

    static func listing(of peers: [PeerRow], _ scores: [AccessSubject: Int]) -> Listing<Row> {
        Listing(
            columns: [
                ("PEER", { $0.uuid }), ("ACCESS", { $0.access }), ("RELAY", { $0.relay ? "yes" : "no" }),
                ("REPUTATION", { "\($0.reputation)" }), ("LAST SEEN", { $0.lastSeen ?? "never" }),
                ("ENDPOINTS", { $0.endpoints.joined(separator: " ") }),
                ("NOTE", { $0.note }),
            ],
            rows: peers.map { peer in
                Row(
                    uuid: "\(peer.node)", access: "\(peer.access)", relay: peer.isRelay,
                    endpoints: peer.endpoints.map(\.description),
                    firstSeen: peer.firstSeen.map { timeText($0.seconds) },
                    lastSeen: peer.lastSeen.map { timeText($0.seconds) },
                    reputation: scores[.node(peer.node)] ?? Reputation.start, note: peer.note)
            },
            empty: "No peers are known. `quantumgate peers add UUID@host:port` adds one.")
    }
}

extension PeerAccess: ExpressibleByArgument {
    /// Reads a word of the listing.
    package init?(argument: String) {
        guard let access = PeerAccess.allCases.first(where: { "\($0)" == argument }) else { return nil }
        self = access
    }

    package static var allValueStrings: [String] { allCases.map { "\($0)" } }
}
