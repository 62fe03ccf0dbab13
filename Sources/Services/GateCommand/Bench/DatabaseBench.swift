import GateCrypto
import GateDatabase
import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateStore
import Logging
import NIOCore
import NIOPosix
import Synchronization

/// `bench database`: point queries over links beside `pgbench -S` on the same server, and how long queries take.
///
/// The real database service over TLS on loopback, in this process with those who ask; no cache of peers anywhere.
struct DatabaseBench {
    /// Rows of the table of peers.
    let peerCount: Int
    let rounds: Int

    /// Links, as pgbench has clients.
    static let clients = 4
    /// Requests of each link that wait for their answers.
    static let requestsUnderWay = 64
    static let seconds = 5
    private static let samples = 3000
    private static let pageRows = 100

    /// Measures on a server whose database is empty.
    func run(_ server: BenchServer, report: (BenchFigure) throws -> Void) async throws {
        let key = try Vault.makeKey()
        let place = try DatabasePlace(text: server.url)
        let node = try await NodeDatabase.initialise(place, vaultKey: key)
        try fill(server, report)
        try server.preparePgbench()
        try server.settle()
        let database = try await NodeDatabase.open(place, vaultKey: key)
        let authority = try LinkAuthority.create(node: node)
        // With event loops of its own, as it has in a process of its own: loops are handed out in turn, and among those who
        // ask all that comes in would get the same one.
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        let service = try await DatabaseService.bind(
            database, to: Endpoint(host: "127.0.0.1", port: 0),
            credential: DatabaseBench.credential(authority, .database), group: loops, logger: DatabaseBench.quiet)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            let stores = try await links(to: service, authority, in: &group)
            try await rates(server, stores, report)
            try await latencies(stores[0], report)
            group.cancelAll()
        }
        try await loops.shutdownGracefully()
    }

    private func rates(
        _ server: BenchServer, _ stores: [LinkStore], _ report: (BenchFigure) throws -> Void
    ) async throws {
        _ = try await rate(of: stores, seconds: 1)
        var own: [Double] = []
        var others: [Double] = []
        for _ in 0..<rounds {
            others.append(try server.pgbenchRate(clients: DatabaseBench.clients, seconds: DatabaseBench.seconds))
            own.append(try await rate(of: stores, seconds: DatabaseBench.seconds))
        }
        let detail = [
            "clients": Double(DatabaseBench.clients), "rows": Double(peerCount),
            "under_way": Double(DatabaseBench.clients * DatabaseBench.requestsUnderWay),
        ]
        try report(BenchFigure("database.pgbench", of: others, "1/s", ["clients": Double(DatabaseBench.clients)]))
        try report(BenchFigure("database.point_queries", of: own, "1/s", detail))
        try report(BenchFigure("database.ratio", of: zip(own, others).map { $0 / max($1, 1) }, "", detail))
    }

    /// Point queries a second: every link has a fixed number under way.
    private func rate(of stores: [LinkStore], seconds: Int) async throws -> Double {
        let peerCount = peerCount
        let start = MonotonicSeconds.now()
        let end = start + Double(seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for (index, store) in stores.enumerated() {
                for asker in 0..<DatabaseBench.requestsUnderWay {
                    group.addTask {
                        var number = UInt64(index * 1_000_003 + asker * 7919)
                        var count = 0
                        while MonotonicSeconds.now() < end {
                            number = number &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                            let node = BenchPeerTable.node(Int(number >> 33) % peerCount + 1)
                            guard try await store.peer(node) != nil else { throw CommandFailure("a peer is missing") }
                            count += 1
                        }
                        return count
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(count) / (MonotonicSeconds.now() - start)
    }

    /// One at a time, over a link.
    private func latencies(_ store: LinkStore, _ report: (BenchFigure) throws -> Void) async throws {
        let rows = ["rows": Double(peerCount), "samples": Double(DatabaseBench.samples)]
        var points: [Double] = []
        var pages: [Double] = []
        let filters = [
            PeerFilter(access: .allowed), PeerFilter(isRelay: true), PeerFilter(access: .allowed, isRelay: true),
            PeerFilter(hasEndpoint: true), PeerFilter(access: .denied, isRelay: false, hasEndpoint: false),
        ]
        for sample in 0..<DatabaseBench.samples {
            let node = BenchPeerTable.node(Int.random(in: 1...peerCount))
            let start = MonotonicSeconds.now()
            _ = try await store.peer(node)
            let middle = MonotonicSeconds.now()
            let filter = filters[sample % filters.count]
            _ = try await store.peers(filter, after: node, limit: DatabaseBench.pageRows)
            points.append((middle - start) * 1000)
            pages.append((MonotonicSeconds.now() - middle) * 1000)
        }
        let page = rows.merging(["page": Double(DatabaseBench.pageRows)]) { $1 }
        try report(BenchFigure("database.point_query_p99", points.quantile(0.99), "ms", points.with(rows)))
        try report(BenchFigure("database.filtered_page_p99", pages.quantile(0.99), "ms", pages.with(page)))
    }

    private func links(
        to service: DatabaseService, _ authority: LinkAuthority, in group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws -> [LinkStore] {
        var stores: [LinkStore] = []
        for _ in 0..<DatabaseBench.clients {
            let keeper = LinkKeeper(
                target: .network(service.endpoint, credential: try DatabaseBench.credential(authority, .operator)),
                expects: .database, eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                logger: DatabaseBench.quiet)
            group.addTask { await keeper.run() }
            guard await keeper.requester.connected() else { throw CommandFailure("no link to the database service") }
            stores.append(LinkStore(keeper.requester))
        }
        return stores
    }

    private func fill(_ server: BenchServer, _ report: (BenchFigure) throws -> Void) throws {
        let start = MonotonicSeconds.now()
        try server.sql(BenchPeerTable(rowCount: peerCount).filling)
        let end = MonotonicSeconds.now()
        try server.sql(BenchPeerTable.settling)
        try report(BenchFigure("database.fill", end - start, "s", ["rows": Double(peerCount)]))
    }

    private static func credential(_ authority: LinkAuthority, _ role: LinkRole) throws -> LinkCredentialSource {
        LinkCredentialSource(try LinkCredential(try authority.issue(role: role, name: "bench")))
    }

    private static var quiet: Logger { Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() } }
}

extension [Double] {
    /// The value that such a part of all is not above.
    fileprivate func quantile(_ part: Double) -> Double {
        guard !isEmpty else { return 0 }
        return sorted()[Swift.min(Int(Double(count) * part), count - 1)]
    }

    fileprivate func with(_ detail: [String: Double]) -> [String: Double] {
        detail.merging(["median": median, "max": self.max() ?? 0]) { $1 }
    }
}
