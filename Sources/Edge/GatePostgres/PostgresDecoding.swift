import GateAccess
import GateModel
import GateStore

// Each reads its columns in the order of `columns`.

extension SettingRow {
    static let columns = "key, value, version, changed_at, changed_by"

    init(_ row: inout PostgresRow) throws {
        self.init(
            key: try row.text(), value: try row.optionalText(), version: try row.integer(),
            changedAt: UnixTime(seconds: try row.integer()), changedBy: try row.text())
    }
}

extension AddressRule {
    static let columns = "prefix, length, is_allowed"

    init(_ row: inout PostgresRow) throws {
        guard let address = IPAddress(bytes: try row.bytes()),
            let rule = AddressRule(
                prefix: address, length: Int(clamping: try row.integer()), isAllowed: try row.flag())
        else { throw StoreFailure.damaged("a row of address_rule") }
        self = rule
    }
}

extension PeerRow {
    static let columns = """
        node, bundle_hash, endpoints, access, is_relay, features, record, first_seen, last_seen, note
        """

    init(_ row: inout PostgresRow) throws {
        self.init(node: NodeUUID(try row.uuid()))
        bundleHash = try row.optionalBytes()
        endpoints = try row.text().split(separator: "\n").compactMap { Endpoint(text: $0) }
        guard let access = PeerAccess(rawValue: UInt8(clamping: try row.integer())) else {
            throw StoreFailure.damaged("a row of peer")
        }
        self.access = access
        isRelay = try row.flag()
        features = try row.unsigned()
        record = try row.bytes()
        firstSeen = try row.optionalInteger().map { UnixTime(seconds: $0) }
        lastSeen = try row.optionalInteger().map { UnixTime(seconds: $0) }
        note = try row.text()
    }

    /// The values of `columns`.
    var values: [PostgresValue] {
        [
            .uuid(node.value), .bytes(bundleHash), .text(endpoints.map(\.description).joined(separator: "\n")),
            .integer(Int64(access.rawValue)), .flag(isRelay), .integer(Int64(bitPattern: features)), .bytes(record),
            .integer(firstSeen?.seconds), .integer(lastSeen?.seconds), .text(note),
        ]
    }
}

extension WorkerRow {
    /// `now` is SQL for the present in milliseconds.
    static func columns(now: String) -> String {
        """
        name, link_address, admin_address, id, generation, timeline, counter, sessions, circuits, streams, is_draining,
        lease_ends - \(now)
        """
    }

    init(_ row: inout PostgresRow) throws {
        let registration = WorkerRegistration(
            name: try row.text(), linkAddress: try row.text(), adminAddress: try row.text())
        let id = try row.unsigned()
        let epoch = WorkerEpoch(
            generation: UInt32(clamping: try row.integer()), timeline: UInt32(clamping: try row.integer()),
            counter: try row.unsigned())
        let load = WorkerLoad(
            sessions: UInt32(clamping: try row.integer()), circuits: UInt32(clamping: try row.integer()),
            streams: UInt32(clamping: try row.integer()))
        self.init(
            registration: registration, id: id, epoch: epoch, load: load, isDraining: try row.flag(),
            leaseLeft: .milliseconds(try row.integer()))
    }
}

extension WorkerEpoch {
    /// The values of `generation, timeline, counter`; PostgreSQL's integers are signed.
    var values: [PostgresValue] {
        [.integer(generation), .integer(timeline), .integer(Int64(bitPattern: counter))]
    }
}

extension SessionRow {
    static let columns = "id, epoch, peer, worker, is_relayed, is_inbound, since"

    init(_ row: inout PostgresRow) throws {
        self.init(
            id: SessionID(try row.uuid()), epoch: UInt32(clamping: try row.integer()),
            peer: try row.optionalUUID().map(NodeUUID.init), worker: try row.text(), isRelayed: try row.flag(),
            isInbound: try row.flag(), since: UnixTime(seconds: try row.integer()))
    }

    /// The values of `columns`.
    var values: [PostgresValue] {
        [
            .uuid(id.value), .integer(epoch), .uuid(peer?.value), .text(worker), .flag(isRelayed), .flag(isInbound),
            .integer(since.seconds),
        ]
    }
}

extension AccessSubject {
    init(_ row: inout PostgresRow) throws {
        guard let subject = AccessSubject(text: try row.text()) else {
            throw StoreFailure.damaged("a subject of a reputation or ban")
        }
        self = subject
    }
}

extension Reputation {
    static let columns = "score, counted_at"

    init(_ row: inout PostgresRow) throws {
        self.init(
            storedScore: Int(clamping: try row.integer()), countedAt: UnixTime(seconds: try row.integer()))
    }
}

extension BanRow {
    static let columns = "subject, since, until, reason, author, is_earned"

    init(_ row: inout PostgresRow) throws {
        self.init(
            subject: try AccessSubject(&row), since: UnixTime(seconds: try row.integer()),
            until: try row.optionalInteger().map { UnixTime(seconds: $0) }, reason: try row.text(),
            author: try row.text(), isEarned: try row.flag())
    }

    /// The values of `columns`.
    var values: [PostgresValue] {
        [
            .text(subject.description), .integer(since.seconds), .integer(until?.seconds), .text(reason), .text(author),
            .flag(isEarned),
        ]
    }
}

extension RefusalRow {
    static let columns = "at, is_inbound, node, address, reason, worker"

    init(_ row: inout PostgresRow) throws {
        self.init(
            at: UnixTime(seconds: try row.integer()), isInbound: try row.flag(),
            node: try row.optionalUUID().map(NodeUUID.init), address: try row.text(), reason: try row.text(),
            worker: try row.text())
    }

    /// The values of `columns`.
    var values: [PostgresValue] {
        [
            .integer(at.seconds), .flag(isInbound), .uuid(node?.value), .text(address), .text(reason), .text(worker),
        ]
    }
}

extension RightsRow {
    static let columns = "name, extenders, setting_prefixes, may_connect, is_revoked"

    init(_ row: inout PostgresRow) throws {
        let name = try row.text()
        let bytes = try row.bytes()
        let extenders = try stride(from: 0, to: bytes.count, by: 16).map { start in
            guard let uuid = UUIDBytes(bytes: bytes[start..<min(start + 16, bytes.count)]) else {
                throw StoreFailure.damaged("a UUID without 16 bytes")
            }
            return ExtenderID(uuid)
        }
        let prefixes = try row.text().split(separator: "\n").map(String.init)
        self.init(
            name: name, extenders: Set(extenders), settingPrefixes: Set(prefixes), mayConnect: try row.flag(),
            isRevoked: try row.flag())
    }

    /// The values of `columns`.
    var values: [PostgresValue] {
        [
            .text(name), .bytes(extenders.sorted().flatMap(\.value.bytes)),
            .text(settingPrefixes.sorted().joined(separator: "\n")), .flag(mayConnect), .flag(isRevoked),
        ]
    }
}

extension DataEntry {
    static let columns = "key, value, version"

    init(_ row: inout PostgresRow) throws {
        self.init(key: try row.bytes(), value: try row.bytes(), version: try row.integer())
    }
}

extension DataUsage {
    static let columns = "bytes, keys, bytes_maximum, keys_maximum"

    init(_ row: inout PostgresRow) throws {
        self.init(
            bytes: try row.integer(), keys: try row.integer(), bytesMaximum: try row.integer(),
            keysMaximum: try row.integer())
    }
}
