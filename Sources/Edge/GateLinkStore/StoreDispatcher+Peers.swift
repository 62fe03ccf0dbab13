import GateLink
import GateModel
import GateStore
import NIOCore
import SwiftProtobuf

/// Bytes of rows that one reply carries: a frame, with room for what is around them.
private let replyBytesMax = 900_000

/// As many rows as fit one reply, the first always; the asker goes on after the last one.
func fitting<Row: SwiftProtobuf.Message>(_ rows: [Row]) -> [Row] {
    var bytes = 0
    let fitting = rows.prefix { row in
        bytes += ((try? row.serializedBytes() as [UInt8]) ?? []).count + 8
        return bytes <= replyBytesMax
    }
    return fitting.isEmpty ? Array(rows.prefix(1)) : Array(fitting)
}

extension StoreDispatcher {
    func peers(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .peersEdit:
            let body = try call.read(WireEditPeer.self)
            let row = try await store.editPeer(NodeUUID(uuid(body.node)), body.edit())
            return serialized(WirePeer(row))
        case .peersRemove:
            try await store.removePeer(NodeUUID(uuid(call.read(WireNode.self).node)))
            return ByteBuffer()
        case .peersNote:
            let body = try call.read(WireSightings.self)
            let sightings = try converted(body.sightings) { wire throws(StoreFailure) in try wire.sighting() }
            var reply = WireNodes()
            reply.nodes = try await store.notePeers(sightings).map(\.value.data)
            return serialized(reply)
        case .peersGet:
            guard let row = try await store.peer(NodeUUID(uuid(call.read(WireNode.self).node))) else { throw .notFound }
            return serialized(WirePeer(row))
        default:
            let body = try call.read(WireListPeers.self)
            let after = body.hasAfter ? NodeUUID(try uuid(body.after)) : nil
            var reply = WirePeers()
            reply.peers = fitting(
                try await store.peers(body.filter(), after: after, limit: Int(body.limit)).map(WirePeer.init))
            return serialized(reply)
        }
    }

    func identity(_ call: StoreCall) async throws(StoreFailure) -> ByteBuffer {
        switch call.method {
        case .identityRecord:
            let body = try call.read(WireIssueRecord.self)
            return blob(
                try await certifier.issueRecord(endpoints: endpoints(body.endpoints), isRelay: body.isRelay))
        case .identityChallenge:
            let worker = try call.read(WireName.self).name
            try call.requireOwn(worker)
            let challenge = try await certifier.challengeWorker(worker)
            var reply = WireChallenge()
            reply.id = challenge.id
            reply.ephemeralKey = blobData(challenge.ephemeralKey)
            return serialized(reply)
        case .identityCertify:
            let body = try call.read(WireCertify.self)
            try call.requireOwn(body.worker)
            let request = CertificationRequest(
                challenge: body.challenge, staticKey: Array(body.staticKey), proof: Array(body.proof),
                postQuantum: body.postQuantum, features: body.features)
            let certified = try await certifier.certifyWorker(body.worker, request)
            var reply = WireCertified()
            reply.node = certified.node.value.data
            reply.certificate = blobData(certified.certificate)
            reply.notAfter = certified.notAfter.seconds
            return serialized(reply)
        default:
            return blob(try await certifier.identityBundle())
        }
    }

    func blob(_ bytes: [UInt8]) -> ByteBuffer {
        var reply = WireBlob()
        reply.bytes = blobData(bytes)
        return serialized(reply)
    }
}

extension WireCertify {
    /// The part about ML-DSA, where the worker has such a key.
    fileprivate var postQuantum: PostQuantumProof? {
        guard !postQuantumKey.isEmpty || !postQuantumProof.isEmpty else { return nil }
        return PostQuantumProof(key: Array(postQuantumKey), proof: Array(postQuantumProof))
    }
}
