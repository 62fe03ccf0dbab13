import Foundation
import GRDB
import GateModel
package import GateStore

extension SQLiteStore: SettingsStore {
    package func settings() async throws(StoreFailure) -> [SettingRow] {
        try await read { db in
            let newest = "SELECT key, max(version) FROM setting_version GROUP BY key"
            return try Row.fetchAll(
                db, sql: "SELECT * FROM setting_version WHERE (key, version) IN (\(newest)) ORDER BY key"
            ).map(SettingRow.init(row:))
        }
    }

    package func set(_ key: String, to value: String?, by author: String, expecting version: Int64?)
        async throws(StoreFailure) -> SettingRow
    {
        let changedAt = now
        return try await write { db, changes in
            let newest = try Int64.fetchOne(
                db, sql: "SELECT max(version) FROM setting_version WHERE key = ?", arguments: [key])
            let next = try nextVersion(of: key, value: value, author: author, newest: newest, expecting: version)
            try db.execute(
                sql: "INSERT INTO setting_version (key, version, value, changed_at, changed_by) VALUES (?, ?, ?, ?, ?)",
                arguments: [key, next, value, changedAt.seconds, author])
            try db.execute(
                sql: "DELETE FROM setting_version WHERE key = ? AND version <= ?",
                arguments: [key, next - Int64(StoreLimit.settingHistoryRows)])
            changes.append(.changed(.settings, key: key))
            return SettingRow(key: key, value: value, version: next, changedAt: changedAt, changedBy: author)
        }
    }

    package func history(of key: String) async throws(StoreFailure) -> [SettingRow] {
        _ = try NodeSettings.definition(of: key)
        return try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM setting_version WHERE key = ? ORDER BY version DESC", arguments: [key]
            ).map(SettingRow.init(row:))
        }
    }

    var now: UnixTime { UnixTime(seconds: clock() / 1000) }
}

extension SQLiteStore: AccessStore {
    package func addressRules() async throws(StoreFailure) -> [AddressRule] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM address_rule ORDER BY key").map(AddressRule.init(row:))
        }
    }

    package func setAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await write { db, changes in
            try db.execute(
                sql: "INSERT OR REPLACE INTO address_rule (key, prefix, length, is_allowed) VALUES (?, ?, ?, ?)",
                arguments: [rule.key, Data(rule.prefix.bytes), rule.length, rule.isAllowed])
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM address_rule") ?? 0
            guard count <= StoreLimit.addressRules else { throw StoreFailure.quotaExceeded }
            changes.append(.changed(.addressRules, key: rule.key))
        }
    }

    package func removeAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await write { db, changes in
            try db.execute(sql: "DELETE FROM address_rule WHERE key = ?", arguments: [rule.key])
            guard db.changesCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.addressRules, key: rule.key))
        }
    }
}

extension SQLiteStore: RightsStore {
    package func rights(of name: String) async throws(StoreFailure) -> RightsRow? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM rights WHERE name = ?", arguments: [name])
                .map(RightsRow.init(row:))
        }
    }

    package func allRights(after: String?, limit: Int) async throws(StoreFailure) -> [RightsRow] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM rights WHERE name > ? ORDER BY name LIMIT ?",
                arguments: [after ?? "", pageLimit(limit)]
            ).map(RightsRow.init(row:))
        }
    }

    package func setRights(_ rights: RightsRow) async throws(StoreFailure) {
        try rights.check()
        try await write { db, changes in
            try store(rights, in: db)
            changes.append(.changed(.rights, key: rights.name))
        }
    }

    package func removeRights(of name: String) async throws(StoreFailure) {
        try await write { db, changes in
            try db.execute(sql: "DELETE FROM rights WHERE name = ?", arguments: [name])
            guard db.changesCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.rights, key: name))
        }
    }
}

extension SQLiteStore: VaultStore {
    package func vaultRow(_ name: String) async throws(StoreFailure) -> [UInt8]? {
        try await read { db in
            try Data.fetchOne(db, sql: "SELECT sealed FROM vault WHERE name = ?", arguments: [name]).map(Array.init)
        }
    }

    package func workerID(of name: String) async throws(StoreFailure) -> UInt64 {
        try checkName(name)
        return try await write { db, _ in
            try db.execute(sql: "INSERT OR IGNORE INTO worker_name (name) VALUES (?)", arguments: [name])
            let id = try Int64.fetchOne(db, sql: "SELECT id FROM worker_name WHERE name = ?", arguments: [name])
            guard let id else { throw StoreFailure.unavailable }
            return UInt64(bitPattern: id)
        }
    }

    package func putVaultRow(_ name: String, _ sealed: [UInt8], replacing: Bool) async throws(StoreFailure) {
        try checkName(name)
        try checkCount(sealed.count, of: "bytes of a vault row", atMost: StoreLimit.vaultRowBytes)
        try await write { db, _ in
            try db.execute(
                sql: "INSERT OR \(replacing ? "REPLACE" : "IGNORE") INTO vault (name, sealed) VALUES (?, ?)",
                arguments: [name, Data(sealed)])
            guard db.changesCount > 0 else { throw StoreFailure.conflict }
        }
    }
}

/// Writes the rights of a name in place of those before.
func store(_ rights: RightsRow, in db: Database) throws {
    let extenders = Data(rights.extenders.sorted().flatMap(\.value.bytes))
    try db.execute(
        sql: """
            INSERT OR REPLACE INTO rights (name, extenders, setting_prefixes, may_connect, is_revoked)
            VALUES (?, ?, ?, ?, ?)
            """,
        arguments: [
            rights.name, extenders, rights.settingPrefixes.sorted().joined(separator: "\n"), rights.mayConnect,
            rights.isRevoked,
        ])
}
