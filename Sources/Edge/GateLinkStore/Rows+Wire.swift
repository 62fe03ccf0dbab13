import Foundation
import GateModel
import GateStore

// Rows of stores ⇄ messages. Reading checks shapes; the stores check limits.

func uuid(_ bytes: Data) throws(StoreFailure) -> UUIDBytes {
    guard let uuid = UUIDBytes(bytes: bytes) else { throw .invalid("a UUID has 16 bytes") }
    return uuid
}

func endpoints(_ texts: [String]) throws(StoreFailure) -> [Endpoint] {
    try checkCount(texts.count, of: "endpoints", atMost: StoreLimit.peerEndpoints)
    var endpoints: [Endpoint] = []
    for text in texts {
        guard let endpoint = Endpoint(text: text) else { throw .invalid("an endpoint is host:port") }
        endpoints.append(endpoint)
    }
    return endpoints
}

func access(_ number: UInt32) throws(StoreFailure) -> PeerAccess {
    guard let access = UInt8(exactly: number).flatMap(PeerAccess.init(rawValue:)) else {
        throw .invalid("access is 0, 1 or 2")
    }
    return access
}

/// A lease that is asked for: the setting's bounds hold here too.
func lease(_ milliseconds: Int64) throws(StoreFailure) -> Duration {
    guard (1...600_000).contains(milliseconds) else { throw .invalid("a lease is 1 ms to 10 min") }
    return .milliseconds(milliseconds)
}

/// Maps with a closure that throws our failure; `map` itself forgets the type.
func converted<Input, Output>(
    _ values: [Input], _ convert: (Input) throws(StoreFailure) -> Output
) throws(StoreFailure) -> [Output] {
    var outputs: [Output] = []
    outputs.reserveCapacity(values.count)
    for value in values { outputs.append(try convert(value)) }
    return outputs
}

/// Bytes as messages carry them.
func blobData(_ bytes: [UInt8]) -> Data { Data(bytes) }

extension UUIDBytes {
    var data: Data { Data(bytes) }
}

extension WireSetting {
    init(_ row: SettingRow) {
        self.init()
        key = row.key
        if let value = row.value { self.value = value }
        version = row.version
        changedAt = row.changedAt.seconds
        changedBy = row.changedBy
    }

    var row: SettingRow {
        SettingRow(
            key: key, value: hasValue ? value : nil, version: version, changedAt: UnixTime(seconds: changedAt),
            changedBy: changedBy)
    }
}

extension WirePeer {
    init(_ row: PeerRow) {
        self.init()
        node = row.node.value.data
        if let hash = row.bundleHash { bundleHash = Data(hash) }
        endpoints = row.endpoints.map(\.description)
        access = UInt32(row.access.rawValue)
        isRelay = row.isRelay
        features = row.features
        record = Data(row.record)
        if let seen = row.firstSeen { firstSeen = seen.seconds }
        if let seen = row.lastSeen { lastSeen = seen.seconds }
        note = row.note
    }

    func row() throws(StoreFailure) -> PeerRow {
        var row = PeerRow(node: NodeUUID(try uuid(node)))
        if hasBundleHash { row.bundleHash = Array(bundleHash) }
        row.endpoints = try GateLinkStore.endpoints(endpoints)
        row.access = try GateLinkStore.access(access)
        row.isRelay = isRelay
        row.features = features
        row.record = Array(record)
        if hasFirstSeen { row.firstSeen = UnixTime(seconds: firstSeen) }
        if hasLastSeen { row.lastSeen = UnixTime(seconds: lastSeen) }
        row.note = note
        return row
    }
}

extension WireEditPeer {
    init(_ node: NodeUUID, _ edit: PeerEdit) {
        self.init()
        self.node = node.value.data
        if let list = edit.endpoints { endpoints.endpoints = list.map(\.description) }
        if edit.endpoints?.isEmpty == true { endpoints = WireEndpoints() }
        if let access = edit.access { self.access = UInt32(access.rawValue) }
        if let isRelay = edit.isRelay { self.isRelay = isRelay }
        if let note = edit.note { self.note = note }
        if let record = edit.record { self.record = Data(record) }
    }

    func edit() throws(StoreFailure) -> PeerEdit {
        var edit = PeerEdit()
        if hasEndpoints { edit.endpoints = try GateLinkStore.endpoints(endpoints.endpoints) }
        if hasAccess { edit.access = try GateLinkStore.access(access) }
        if hasIsRelay { edit.isRelay = isRelay }
        if hasNote { edit.note = note }
        if hasRecord { edit.record = [UInt8](record) }
        return edit
    }
}

extension WireListPeers {
    func filter() throws(StoreFailure) -> PeerFilter {
        var filter = PeerFilter()
        if hasAccess { filter.access = try GateLinkStore.access(access) }
        if hasIsRelay { filter.isRelay = isRelay }
        if hasHasEndpoint_p { filter.hasEndpoint = hasEndpoint_p }
        return filter
    }
}

extension WireSighting {
    init(_ sighting: PeerSighting) {
        self.init()
        node = sighting.node.value.data
        bundleHash = Data(sighting.bundleHash)
        features = sighting.features
        if let isRelay = sighting.isRelay { self.isRelay = isRelay }
        record = Data(sighting.record)
        at = sighting.at.seconds
    }

    func sighting() throws(StoreFailure) -> PeerSighting {
        PeerSighting(
            node: NodeUUID(try uuid(node)), bundleHash: Array(bundleHash), features: features,
            isRelay: hasIsRelay ? isRelay : nil, record: Array(record), at: UnixTime(seconds: at))
    }
}

extension WireAddressRule {
    init(_ rule: GateStore.AddressRule) {
        self.init()
        prefix = Data(rule.prefix.bytes)
        length = UInt32(rule.length)
        isAllowed = rule.isAllowed
    }

    func rule() throws(StoreFailure) -> GateStore.AddressRule {
        guard let address = IPAddress(bytes: prefix),
            let rule = GateStore.AddressRule(prefix: address, length: Int(length), isAllowed: isAllowed)
        else { throw .invalid("an address rule has 4 or 16 bytes and a length that fits, no bits behind it") }
        return rule
    }
}

extension WireRights {
    init(_ row: RightsRow) {
        self.init()
        name = row.name
        extenders = row.extenders.sorted().map(\.value.data)
        settingPrefixes = row.settingPrefixes.sorted()
        mayConnect = row.mayConnect
        isRevoked = row.isRevoked
    }

    func row() throws(StoreFailure) -> RightsRow {
        try checkCount(extenders.count, of: "extenders of a name", atMost: StoreLimit.rightsExtenders)
        let identifiers = try converted(extenders) { bytes throws(StoreFailure) in ExtenderID(try uuid(bytes)) }
        return RightsRow(
            name: name, extenders: Set(identifiers), settingPrefixes: Set(settingPrefixes), mayConnect: mayConnect,
            isRevoked: isRevoked)
    }
}
