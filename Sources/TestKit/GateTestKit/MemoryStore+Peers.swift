package import GateModel
package import GateStore

extension MemoryStore: PeerStore {
    package func peer(_ node: NodeUUID) -> PeerRow? { peers[node] }

    package func peers(_ filter: PeerFilter, after: NodeUUID?, limit: Int) -> [PeerRow] {
        let rows = peers.values.filter { row in
            filter.passes(row) && (after.map { row.node > $0 } ?? true)
        }
        return Array(rows.sorted { $0.node < $1.node }.prefix(pageLimit(limit)))
    }

    package func editPeer(_ node: NodeUUID, _ edit: PeerEdit) async throws(StoreFailure) -> PeerRow {
        try edit.check()
        var row = peers[node] ?? PeerRow(node: node)
        row.apply(edit)
        peers[node] = row
        await hub.publish([.changed(.peers, key: node.description)])
        return row
    }

    package func removePeer(_ node: NodeUUID) async throws(StoreFailure) {
        guard peers.removeValue(forKey: node) != nil else { throw .notFound }
        await hub.publish([.changed(.peers, key: node.description)])
    }

    package func notePeers(_ sightings: [PeerSighting]) throws(StoreFailure) -> [NodeUUID] {
        try checkCount(sightings.count, of: "sightings", atMost: StoreLimit.batchRows)
        for sighting in sightings { try sighting.check() }
        var refused: [NodeUUID] = []
        for sighting in sightings {
            var row = peers[sighting.node] ?? PeerRow(node: sighting.node)
            if row.apply(sighting) { peers[sighting.node] = row } else { refused.append(sighting.node) }
        }
        return refused
    }
}
