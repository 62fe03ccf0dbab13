import Foundation
import GRDB
package import GateModel
package import GateStore

extension SQLiteStore: PeerStore {
    package func peer(_ node: NodeUUID) async throws(StoreFailure) -> PeerRow? {
        try await read { db in try fetch(node, in: db) }
    }

    package func peers(_ filter: PeerFilter, after: NodeUUID?, limit: Int) async throws(StoreFailure) -> [PeerRow] {
        var conditions = ["node > ?"]
        var arguments: StatementArguments = [after.map { Data($0.value.bytes) } ?? Data()]
        if let access = filter.access {
            conditions.append("access = ?")
            arguments += [Int(access.rawValue)]
        }
        if let isRelay = filter.isRelay {
            conditions.append("is_relay = ?")
            arguments += [isRelay]
        }
        if let hasEndpoint = filter.hasEndpoint {
            conditions.append(hasEndpoint ? "endpoints <> ''" : "endpoints = ''")
        }
        arguments += [pageLimit(limit)]
        let sql = "SELECT * FROM peer WHERE \(conditions.joined(separator: " AND ")) ORDER BY node LIMIT ?"
        return try await read { [arguments] db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).map(PeerRow.init(row:))
        }
    }

    package func editPeer(_ node: NodeUUID, _ edit: PeerEdit) async throws(StoreFailure) -> PeerRow {
        try edit.check()
        return try await write { db, changes in
            var row = try fetch(node, in: db) ?? PeerRow(node: node)
            row.apply(edit)
            try store(row, in: db)
            changes.append(.changed(.peers, key: node.description))
            return row
        }
    }

    package func removePeer(_ node: NodeUUID) async throws(StoreFailure) {
        try await write { db, changes in
            try db.execute(sql: "DELETE FROM peer WHERE node = ?", arguments: [Data(node.value.bytes)])
            guard db.changesCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.peers, key: node.description))
        }
    }

    package func notePeers(_ sightings: [PeerSighting]) async throws(StoreFailure) -> [NodeUUID] {
        try checkCount(sightings.count, of: "sightings", atMost: StoreLimit.batchRows)
        for sighting in sightings { try sighting.check() }
        return try await write { db, _ in
            try sightings.compactMap { sighting in
                var row = try fetch(sighting.node, in: db) ?? PeerRow(node: sighting.node)
                guard row.apply(sighting) else { return sighting.node }
                try store(row, in: db)
                return nil
            }
        }
    }
}

private func fetch(_ node: NodeUUID, in db: Database) throws -> PeerRow? {
    try Row.fetchOne(db, sql: "SELECT * FROM peer WHERE node = ?", arguments: [Data(node.value.bytes)])
        .map(PeerRow.init(row:))
}

/// Writes a peer in place of what was known about it.
func store(_ row: PeerRow, in db: Database) throws {
    try db.execute(
        sql: """
            INSERT OR REPLACE INTO peer
            (node, bundle_hash, endpoints, access, is_relay, features, record, first_seen, last_seen, note)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
        arguments: [
            Data(row.node.value.bytes), row.bundleHash.map { Data($0) },
            row.endpoints.map(\.description).joined(separator: "\n"), Int(row.access.rawValue), row.isRelay,
            Int64(bitPattern: row.features), Data(row.record), row.firstSeen?.seconds, row.lastSeen?.seconds, row.note,
        ])
}
