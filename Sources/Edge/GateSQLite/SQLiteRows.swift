import Foundation
import GRDB
import GateAccess
import GateModel
import GateStore

// Tables are STRICT with NOT NULL, so that a column has the type that is read here.

extension SettingRow {
    init(row: Row) {
        self.init(
            key: row["key"], value: row["value"], version: row["version"],
            changedAt: UnixTime(seconds: row["changed_at"]), changedBy: row["changed_by"])
    }
}

extension AddressRule {
    init(row: Row) throws {
        let prefix: Data = row["prefix"]
        guard let address = IPAddress(bytes: prefix),
            let rule = AddressRule(prefix: address, length: row["length"], isAllowed: row["is_allowed"])
        else { throw StoreFailure.damaged("a row of address_rule") }
        self = rule
    }
}

extension PeerRow {
    init(row: Row) throws {
        self.init(node: NodeUUID(try uuid(row["node"])))
        guard let access = PeerAccess(rawValue: UInt8(clamping: row["access"] as Int)) else {
            throw StoreFailure.damaged("a row of peer")
        }
        self.access = access
        bundleHash = (row["bundle_hash"] as Data?).map { Array($0) }
        endpoints = (row["endpoints"] as String).split(separator: "\n").compactMap { Endpoint(text: $0) }
        isRelay = row["is_relay"]
        features = UInt64(bitPattern: row["features"] as Int64)
        record = Array(row["record"] as Data)
        firstSeen = (row["first_seen"] as Int64?).map { UnixTime(seconds: $0) }
        lastSeen = (row["last_seen"] as Int64?).map { UnixTime(seconds: $0) }
        note = row["note"]
    }
}

extension WorkerEpoch {
    /// SQLite's integers are signed.
    var storedCounter: Int64 { Int64(bitPattern: counter) }
}

extension WorkerRow {
    init(row: Row, now: Int64) {
        let epoch = WorkerEpoch(
            generation: UInt32(clamping: row["generation"] as Int64),
            timeline: UInt32(clamping: row["timeline"] as Int64),
            counter: UInt64(bitPattern: row["counter"] as Int64))
        let load = WorkerLoad(
            sessions: UInt32(clamping: row["sessions"] as Int64), circuits: UInt32(clamping: row["circuits"] as Int64),
            streams: UInt32(clamping: row["streams"] as Int64))
        self.init(
            registration: WorkerRegistration(
                name: row["name"], linkAddress: row["link_address"], adminAddress: row["admin_address"]),
            id: UInt64(bitPattern: row["id"] as Int64), epoch: epoch, load: load, isDraining: row["is_draining"],
            leaseLeft: .milliseconds((row["lease_ends"] as Int64) - now))
    }
}

extension SessionRow {
    init(row: Row) throws {
        self.init(
            id: SessionID(try uuid(row["id"])), epoch: UInt32(clamping: row["epoch"] as Int64),
            peer: try (row["peer"] as Data?).map { NodeUUID(try uuid($0)) },
            worker: row["worker"], isRelayed: row["is_relayed"], isInbound: row["is_inbound"],
            since: UnixTime(seconds: row["since"]))
    }
}

extension RefusalRow {
    init(row: Row) throws {
        self.init(
            at: UnixTime(seconds: row["at"]), isInbound: row["is_inbound"],
            node: try (row["node"] as Data?).map { NodeUUID(try uuid($0)) }, address: row["address"],
            reason: row["reason"], worker: row["worker"])
    }
}

extension ReputationRow {
    /// A row of `reputation` as of now.
    init(row: Row, at now: UnixTime, _ policy: ReputationPolicy) throws {
        self.init(subject: try GateSQLite.subject(row), score: Reputation(row: row).score(at: now, policy))
    }
}

extension Reputation {
    init(row: Row) {
        self.init(storedScore: row["score"], countedAt: UnixTime(seconds: row["counted_at"]))
    }
}

extension BanRow {
    init(row: Row) throws {
        self.init(
            subject: try GateSQLite.subject(row), since: UnixTime(seconds: row["since"]),
            until: (row["until"] as Int64?).map { UnixTime(seconds: $0) }, reason: row["reason"],
            author: row["author"], isEarned: row["is_earned"])
    }
}

extension RightsRow {
    init(row: Row) throws {
        let bytes = Array(row["extenders"] as Data)
        let extenders = try stride(from: 0, to: bytes.count, by: 16).map { start in
            ExtenderID(try uuid(Data(bytes[start..<min(start + 16, bytes.count)])))
        }
        let prefixes = (row["setting_prefixes"] as String).split(separator: "\n").map(String.init)
        self.init(
            name: row["name"], extenders: Set(extenders), settingPrefixes: Set(prefixes),
            mayConnect: row["may_connect"], isRevoked: row["is_revoked"])
    }
}

extension DataEntry {
    init(row: Row) {
        self.init(key: Array(row["key"] as Data), value: Array(row["value"] as Data), version: row["version"])
    }
}

extension StoreChange {
    init?(row: Row) {
        guard let topic = StoreTopic(logText: row["topic"]) else { return nil }
        self = .changed(topic, key: row["key"])
    }
}

private func uuid(_ bytes: Data) throws -> UUIDBytes {
    guard let uuid = UUIDBytes(bytes: bytes) else { throw StoreFailure.damaged("a UUID without 16 bytes") }
    return uuid
}

func subject(_ row: Row) throws -> AccessSubject {
    guard let subject = AccessSubject(text: row["subject"] as String) else {
        throw StoreFailure.damaged("a subject of a reputation or ban")
    }
    return subject
}
