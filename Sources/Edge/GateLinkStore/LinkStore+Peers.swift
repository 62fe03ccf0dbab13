import Foundation
package import GateModel
package import GateStore

extension LinkStore: PeerStore {
    package func peer(_ node: NodeUUID) async throws(StoreFailure) -> PeerRow? {
        try await find(.peersGet, named(node), as: WirePeer.self)?.row()
    }

    package func peers(_ filter: PeerFilter, after: NodeUUID?, limit: Int) async throws(StoreFailure) -> [PeerRow] {
        var body = WireListPeers()
        if let access = filter.access { body.access = UInt32(access.rawValue) }
        if let isRelay = filter.isRelay { body.isRelay = isRelay }
        if let hasEndpoint = filter.hasEndpoint { body.hasEndpoint_p = hasEndpoint }
        if let after { body.after = after.value.data }
        body.limit = UInt32(clamping: limit)
        let peers = try await ask(.peersList, body, as: WirePeers.self).peers
        return try converted(peers) { peer throws(StoreFailure) in try peer.row() }
    }

    package func editPeer(_ node: NodeUUID, _ edit: PeerEdit) async throws(StoreFailure) -> PeerRow {
        try edit.check()
        return try await ask(.peersEdit, WireEditPeer(node, edit), as: WirePeer.self).row()
    }

    package func removePeer(_ node: NodeUUID) async throws(StoreFailure) {
        try await tell(.peersRemove, named(node))
    }

    /// One transaction for each part that fits a request; parts before a failing one stay.
    package func notePeers(_ sightings: [PeerSighting]) async throws(StoreFailure) -> [NodeUUID] {
        var refused: [NodeUUID] = []
        var rest = sightings[...]
        repeat {
            var body = WireSightings()
            var bytes = 0
            while let next = rest.first, bytes < 512 * 1024, body.sightings.count < StoreLimit.batchRows {
                try next.check()
                bytes += next.record.count + 128
                body.sightings.append(WireSighting(next))
                rest = rest.dropFirst()
            }
            let nodes = try await ask(.peersNote, body, as: WireNodes.self).nodes
            refused += try converted(nodes) { node throws(StoreFailure) in NodeUUID(try uuid(node)) }
        } while !rest.isEmpty
        return refused
    }

    private func named(_ node: NodeUUID) -> WireNode {
        var body = WireNode()
        body.node = node.value.data
        return body
    }
}

extension LinkStore: WorkerCertifier {
    package func identityBundle() async throws(StoreFailure) -> [UInt8] {
        Array(try await ask(.identityBundle, as: WireBlob.self).bytes)
    }

    package func challengeWorker(_ name: String) async throws(StoreFailure) -> CertificationChallenge {
        let reply = try await ask(.identityChallenge, named(name), as: WireChallenge.self)
        return CertificationChallenge(id: reply.id, ephemeralKey: Array(reply.ephemeralKey))
    }

    package func certifyWorker(_ name: String, _ request: CertificationRequest)
        async throws(StoreFailure) -> CertifiedWorker
    {
        var body = WireCertify()
        body.worker = name
        body.challenge = request.challenge
        body.staticKey = Data(request.staticKey)
        body.proof = Data(request.proof)
        if let postQuantum = request.postQuantum {
            body.postQuantumKey = Data(postQuantum.key)
            body.postQuantumProof = Data(postQuantum.proof)
        }
        body.features = request.features
        let reply = try await ask(.identityCertify, body, as: WireCertified.self)
        return CertifiedWorker(
            node: NodeUUID(try uuid(reply.node)), certificate: Array(reply.certificate),
            notAfter: UnixTime(seconds: reply.notAfter))
    }

    package func issueRecord(endpoints: [Endpoint], isRelay: Bool) async throws(StoreFailure) -> [UInt8] {
        var body = WireIssueRecord()
        body.endpoints = endpoints.map(\.description)
        body.isRelay = isRelay
        return Array(try await ask(.identityRecord, body, as: WireBlob.self).bytes)
    }
}
