import GateDatabase
import GateStore
import GateTestKit
import Testing

@testable import GateCommand

@Suite(.needsPostgreSQL, .timeLimit(.minutes(1))) struct BenchPeerTables {
    /// All kinds of rows: each access, relay or not, with an endpoint or without.
    private let table = BenchPeerTable(rowCount: 60)

    @Test func `rows that are filled in are what the service writes about the same peers`() async throws {
        let cluster = try PostgresCluster.shared()
        let (filled, written) = (try cluster.makeDatabase(), try cluster.makeDatabase())
        let source = try await DatabasePlace(text: cluster.url(filled)).open()
        try cluster.sql(table.filling, in: filled)
        try cluster.sql(BenchPeerTable.settling, in: filled)
        let target = try await DatabasePlace(text: cluster.url(written)).open()
        for number in 1...table.rowCount {
            let row = try #require(try await source.peer(BenchPeerTable.node(number)))
            try await write(row, to: target)
            #expect(try await target.peer(row.node) == row)
        }
        await source.close()
        await target.close()
        let all = "SELECT * FROM quantumgate.peer ORDER BY node"
        #expect(try cluster.sql(all, in: filled) == cluster.sql(all, in: written))
    }

    /// What an operator and sessions tell the service about a peer.
    private func write(_ row: PeerRow, to store: any OpenedStore) async throws {
        _ = try await store.editPeer(
            row.node, PeerEdit(endpoints: row.endpoints, access: row.access, isRelay: row.isRelay, record: row.record))
        for moment in [row.firstSeen, row.lastSeen] {
            try await store.notePeer(
                PeerSighting(
                    node: row.node, bundleHash: row.bundleHash ?? [], features: row.features, isRelay: row.isRelay,
                    record: row.record, at: try #require(moment)))
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips where PostgreSQL is missing, and says what brings it; with `CI=true` the test fails instead.
    fileprivate static var needsPostgreSQL: Self {
        .enabled(if: PostgresCluster.isExpected, "sudo apt-get install -y postgresql")
    }
}
