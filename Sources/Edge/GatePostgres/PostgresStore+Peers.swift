package import GateModel
package import GateStore

extension PostgresStore: PeerStore {
    package func peer(_ node: NodeUUID) async throws(StoreFailure) -> PeerRow? {
        let rows = try await find(PeerStatement.get, [.uuid(node.value)])
        do { return try rows.first { row in try PeerRow(&row) } } catch { throw storeFailure(of: error) }
    }

    package func peers(_ filter: PeerFilter, after: NodeUUID?, limit: Int) async throws(StoreFailure) -> [PeerRow] {
        let sql = PeerStatement.list(filter, isFirst: after == nil, limit: pageLimit(limit))
        return Array(
            try await list(sql, after.map { [.uuid($0.value)] } ?? []) { row in try PeerRow(&row) }
                .prefix(pageLimit(limit)))
    }

    package func editPeer(_ node: NodeUUID, _ edit: PeerEdit) async throws(StoreFailure) -> PeerRow {
        try edit.check()
        return try await write { transaction, changes in
            let known = try transaction.execute(PeerStatement.lock, [.uuids([node.value])])
                .first { row in try PeerRow(&row) }
            var row = known ?? PeerRow(node: node)
            row.apply(edit)
            try transaction.execute(known == nil ? PeerStatement.insert : PeerStatement.update, row.values)
            changes.append(.changed(.peers, key: node.description))
            return row
        }
    }

    package func removePeer(_ node: NodeUUID) async throws(StoreFailure) {
        try await write { transaction, changes in
            let rows = try transaction.execute("DELETE FROM peer WHERE node = $1", [.uuid(node.value)])
            guard rows.affectedCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.peers, key: node.description))
        }
    }

    package func notePeers(_ sightings: [PeerSighting]) async throws(StoreFailure) -> [NodeUUID] {
        try checkCount(sightings.count, of: "sightings", atMost: StoreLimit.batchRows)
        for sighting in sightings { try sighting.check() }
        guard !sightings.isEmpty else { return [] }
        return try await write { transaction, _ in
            let nodes = Set(sightings.map(\.node.value)).sorted()
            let known = try transaction.execute(PeerStatement.lock, [.uuids(nodes)]).map { row in try PeerRow(&row) }
            var rows = Dictionary(uniqueKeysWithValues: known.map { ($0.node, $0) })
            var refused: [NodeUUID] = []
            var noted: Set<NodeUUID> = []
            for sighting in sightings {
                var row = rows[sighting.node] ?? PeerRow(node: sighting.node)
                guard row.apply(sighting) else {
                    refused.append(sighting.node)
                    continue
                }
                rows[sighting.node] = row
                noted.insert(sighting.node)
            }
            // In the order of their keys, so that two at once wait for each other and never in a circle.
            let present = Set(known.map(\.node))
            let written = noted.sorted().compactMap { rows[$0] }
            try transaction.executeAll(
                PeerStatement.update, written.filter { present.contains($0.node) }.map(\.values))
            try transaction.executeAll(
                PeerStatement.insert, written.filter { !present.contains($0.node) }.map(\.values))
            return refused
        }
    }
}

/// The statements about peers.
enum PeerStatement {
    static let get = "SELECT \(PeerRow.columns) FROM peer WHERE node = $1"
    static let lock = "SELECT \(PeerRow.columns) FROM peer WHERE node = ANY ($1) ORDER BY node FOR UPDATE"
    /// Somebody else's row of that node is a failure of its own: the transaction runs again and finds it.
    static let insert = "INSERT INTO peer (\(PeerRow.columns)) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    static let update = """
        UPDATE peer SET bundle_hash = $2, endpoints = $3, access = $4, is_relay = $5, features = $6, record = $7,
            first_seen = $8, last_seen = $9, note = $10
        WHERE node = $1
        """

    /// A page in the order of the nodes.
    ///
    /// An open field of the filter is written as all its values, each a page of its own from the index `peer_filter`,
    /// which is in the order of the nodes already; of these the server sorts the first. So a page costs about the same
    /// whatever is asked and however many rows there are.
    static func list(_ filter: PeerFilter, isFirst: Bool, limit: Int) -> String {
        let place = isFirst ? "true" : "node > $1"
        let end = "ORDER BY node LIMIT \(pageSizes.first { limit <= $0 } ?? StoreLimit.pageRows)"
        guard filter != PeerFilter() else { return "SELECT \(PeerRow.columns) FROM peer WHERE \(place) \(end)" }
        let accesses = filter.access.map { [$0] } ?? PeerAccess.allCases
        let relays = filter.isRelay.map { [$0] } ?? [false, true]
        let endpoints = filter.hasEndpoint.map { [$0] } ?? [false, true]
        let parts = accesses.flatMap { access in
            relays.flatMap { isRelay in
                endpoints.map { hasEndpoint in
                    """
                    SELECT \(PeerRow.columns) FROM peer WHERE access = \(access.rawValue) AND is_relay = \(isRelay) \
                    AND has_endpoint = \(hasEndpoint) AND \(place) \(end)
                    """
                }
            }
        }
        guard parts.count > 1 else { return parts[0] }
        return "\(parts.map { "(\($0))" }.joined(separator: " UNION ALL ")) \(end)"
    }

    /// Rows that the server reads for a page: the first that is enough. A number within the statement lets it plan for
    /// so many, each is a statement of its own, and what it reads beyond the page is for nothing.
    private static let pageSizes = [50, 100, 200, StoreLimit.pageRows]
}
