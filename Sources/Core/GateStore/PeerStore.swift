package import GateModel

/// What was decided about a peer by its UUID.
package enum PeerAccess: UInt8, Sendable, CaseIterable {
    /// Nothing: the setting `access.default` decides.
    case undecided = 0
    /// It may connect and is dialled.
    case allowed = 1
    /// It may not, whatever the defaults say.
    case denied = 2
}

/// What is known about another node.
package struct PeerRow: Sendable, Equatable {
    /// Who it is.
    package let node: NodeUUID
    /// SHA-256 of its identity bundle, pinned at first sight; `nil` until then.
    package var bundleHash: [UInt8]?
    /// Where it listens, best first; at most `StoreLimit.peerEndpoints`.
    package var endpoints: [Endpoint]
    /// Whether it may connect.
    package var access: PeerAccess
    /// Whether it relays for us, as far as known.
    package var isRelay: Bool
    /// Feature bits of its last certificate.
    package var features: UInt64
    /// Its newest signed record, encoded; empty where none is known.
    package var record: [UInt8]
    /// When a session with it first stood; `nil` if never.
    package var firstSeen: UnixTime?
    /// When a session with it last stood; `nil` if never.
    package var lastSeen: UnixTime?
    /// What a person wrote about it.
    package var note: String

    package init(node: NodeUUID) {
        self.node = node
        bundleHash = nil
        endpoints = []
        access = .undecided
        isRelay = false
        features = 0
        record = []
        firstSeen = nil
        lastSeen = nil
        note = ""
    }
}

/// What an operator changes about a peer; `nil` leaves a field as it is.
package struct PeerEdit: Sendable, Equatable {
    /// Endpoints to put in place of those known.
    package var endpoints: [Endpoint]?
    /// What is decided about it.
    package var access: PeerAccess?
    /// Whether it relays for us.
    package var isRelay: Bool?
    /// A note in place of the present one.
    package var note: String?
    /// Its signed record, checked by the caller.
    package var record: [UInt8]?

    package init(
        endpoints: [Endpoint]? = nil, access: PeerAccess? = nil, isRelay: Bool? = nil, note: String? = nil,
        record: [UInt8]? = nil
    ) {
        self.endpoints = endpoints
        self.access = access
        self.isRelay = isRelay
        self.note = note
        self.record = record
    }
}

/// What a kernel learnt from a session with a peer.
package struct PeerSighting: Sendable, Equatable {
    /// Who it proved to be.
    package let node: NodeUUID
    /// SHA-256 of the bundle that it showed.
    package let bundleHash: [UInt8]
    /// Feature bits of its certificate.
    package let features: UInt64
    /// Whether it said that it relays; `nil` if it said nothing.
    package let isRelay: Bool?
    /// Its signed record, checked by the kernel; empty if none came.
    package let record: [UInt8]
    /// When the session stood.
    package let at: UnixTime

    package init(
        node: NodeUUID, bundleHash: [UInt8], features: UInt64, isRelay: Bool?, record: [UInt8], at: UnixTime
    ) {
        self.node = node
        self.bundleHash = bundleHash
        self.features = features
        self.isRelay = isRelay
        self.record = record
        self.at = at
    }
}

/// Which peers a listing wants: all, unless a field is set; `nil` wants either.
package struct PeerFilter: Sendable, Equatable {
    /// Only peers of which this was decided.
    package var access: PeerAccess?
    /// Only relays, or only others.
    package var isRelay: Bool?
    /// Only peers with, or without, an endpoint.
    package var hasEndpoint: Bool?

    package init(access: PeerAccess? = nil, isRelay: Bool? = nil, hasEndpoint: Bool? = nil) {
        self.access = access
        self.isRelay = isRelay
        self.hasEndpoint = hasEndpoint
    }

    /// Whether a row passes.
    package func passes(_ row: PeerRow) -> Bool {
        (access == nil || access == row.access) && (isRelay == nil || isRelay == row.isRelay)
            && (hasEndpoint == nil || hasEndpoint == !row.endpoints.isEmpty)
    }
}

/// The list of other nodes.
package protocol PeerStore: Sendable {
    /// One peer; `nil` if unknown.
    func peer(_ node: NodeUUID) async throws(StoreFailure) -> PeerRow?

    /// Peers in the order of their UUIDs, after `after`, at most `limit` (and `StoreLimit.pageRows`).
    func peers(_ filter: PeerFilter, after: NodeUUID?, limit: Int) async throws(StoreFailure) -> [PeerRow]

    /// Adds a peer or changes what is known about it; tells watchers.
    func editPeer(_ node: NodeUUID, _ edit: PeerEdit) async throws(StoreFailure) -> PeerRow

    /// Forgets a peer, its pinned bundle too; `.notFound` if unknown.
    func removePeer(_ node: NodeUUID) async throws(StoreFailure)

    /// Notes sessions in one transaction: pins bundles, raises last seen, adds unknown peers. Returns the UUIDs whose
    /// sighting was refused because another bundle is pinned; nothing was changed about those.
    func notePeers(_ sightings: [PeerSighting]) async throws(StoreFailure) -> [NodeUUID]
}

extension PeerStore {
    /// Notes one session; throws `.otherBundle` if another bundle is pinned.
    package func notePeer(_ sighting: PeerSighting) async throws(StoreFailure) {
        guard try await notePeers([sighting]).isEmpty else { throw .otherBundle }
    }
}

extension PeerEdit {
    /// Throws what rule the edit breaks.
    package func check() throws(StoreFailure) {
        try checkCount(endpoints?.count ?? 0, of: "endpoints", atMost: StoreLimit.peerEndpoints)
        for endpoint in endpoints ?? [] where Endpoint(text: endpoint.description) != endpoint {
            throw .invalid("an endpoint is host:port, an IPv6 literal in brackets")
        }
        try checkLength(note ?? "", of: "a note", atMost: StoreLimit.noteBytes)
        try checkCount(record?.count ?? 0, of: "bytes of a record", atMost: StoreLimit.peerRecordBytes)
    }
}

extension PeerSighting {
    /// Throws what rule the sighting breaks.
    package func check() throws(StoreFailure) {
        guard bundleHash.count == StoreLimit.bundleHashBytes else {
            throw .invalid("a bundle's hash has \(StoreLimit.bundleHashBytes) bytes")
        }
        try checkCount(record.count, of: "bytes of a record", atMost: StoreLimit.peerRecordBytes)
    }
}

extension PeerRow {
    /// Applies what an operator changed.
    package mutating func apply(_ edit: PeerEdit) {
        if let endpoints = edit.endpoints { self.endpoints = endpoints }
        if let access = edit.access { self.access = access }
        if let isRelay = edit.isRelay { self.isRelay = isRelay }
        if let note = edit.note { self.note = note }
        if let record = edit.record { self.record = record }
    }

    /// Applies what a session showed; `false`, and no change, if another bundle is pinned.
    package mutating func apply(_ sighting: PeerSighting) -> Bool {
        if let bundleHash, bundleHash != sighting.bundleHash { return false }
        bundleHash = sighting.bundleHash
        features = sighting.features
        if let isRelay = sighting.isRelay { self.isRelay = isRelay }
        if !sighting.record.isEmpty { record = sighting.record }
        firstSeen = min(firstSeen ?? sighting.at, sighting.at)
        lastSeen = max(lastSeen ?? sighting.at, sighting.at)
        return true
    }
}
