import GateModel
package import GateStore

extension PostgresStore: SettingsStore {
    package func settings() async throws(StoreFailure) -> [SettingRow] {
        let sql = "SELECT DISTINCT ON (key) \(SettingRow.columns) FROM setting_version ORDER BY key, version DESC"
        return try await list(sql) { row in try SettingRow(&row) }
    }

    package func set(_ key: String, to value: String?, by author: String, expecting version: Int64?)
        async throws(StoreFailure) -> SettingRow
    {
        let now = now
        return try await write { transaction, changes in
            let newest = try transaction.execute(
                "SELECT max(version) FROM setting_version WHERE key = $1", [.text(key)]
            ).first { try $0.optionalInteger() }
            let next = try nextVersion(
                of: key, value: value, author: author, newest: newest ?? nil, expecting: version)
            // Of two at once the second finds the version taken, and decides anew.
            let written = try transaction.execute(
                """
                INSERT INTO setting_version (key, version, value, changed_at, changed_by)
                VALUES ($1, $2, $3, \(present("$4")) / 1000, $5) RETURNING \(SettingRow.columns)
                """, [.text(key), .integer(next), .text(value), now, .text(author)])
            try transaction.execute(
                "DELETE FROM setting_version WHERE key = $1 AND version <= $2",
                [.text(key), .integer(next - Int64(StoreLimit.settingHistoryRows))])
            changes.append(.changed(.settings, key: key))
            guard let row = try written.first({ row in try SettingRow(&row) }) else { throw StoreFailure.unavailable }
            return row
        }
    }

    package func history(of key: String) async throws(StoreFailure) -> [SettingRow] {
        _ = try NodeSettings.definition(of: key)
        let sql = "SELECT \(SettingRow.columns) FROM setting_version WHERE key = $1 ORDER BY version DESC"
        return try await list(sql, [.text(key)]) { row in try SettingRow(&row) }
    }
}

extension PostgresStore: AccessStore {
    package func addressRules() async throws(StoreFailure) -> [AddressRule] {
        try await list("SELECT \(AddressRule.columns) FROM address_rule ORDER BY key") { row in
            try AddressRule(&row)
        }
    }

    package func setAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await write { transaction, changes in
            // One at a time, so that the count is right.
            try transaction.execute("LOCK TABLE address_rule IN SHARE ROW EXCLUSIVE MODE")
            try transaction.execute(
                """
                INSERT INTO address_rule (key, prefix, length, is_allowed) VALUES ($1, $2, $3, $4)
                ON CONFLICT (key) DO UPDATE SET is_allowed = excluded.is_allowed
                """,
                [.text(rule.key), .bytes(Array(rule.prefix.bytes)), .integer(rule.length), .flag(rule.isAllowed)])
            let count = try transaction.execute("SELECT count(*) FROM address_rule").first { try $0.integer() }
            guard count ?? 0 <= StoreLimit.addressRules else { throw StoreFailure.quotaExceeded }
            changes.append(.changed(.addressRules, key: rule.key))
        }
    }

    package func removeAddressRule(_ rule: AddressRule) async throws(StoreFailure) {
        try await write { transaction, changes in
            let rows = try transaction.execute("DELETE FROM address_rule WHERE key = $1", [.text(rule.key)])
            guard rows.affectedCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.addressRules, key: rule.key))
        }
    }
}

extension PostgresStore: RightsStore {
    package func rights(of name: String) async throws(StoreFailure) -> RightsRow? {
        let rows = try await find("SELECT \(RightsRow.columns) FROM rights WHERE name = $1", [.text(name)])
        do { return try rows.first { row in try RightsRow(&row) } } catch { throw storeFailure(of: error) }
    }

    package func allRights(after: String?, limit: Int) async throws(StoreFailure) -> [RightsRow] {
        let sql = "SELECT \(RightsRow.columns) FROM rights WHERE name > $1 ORDER BY name LIMIT $2"
        return try await list(sql, [.text(after ?? ""), .integer(pageLimit(limit))]) { row in try RightsRow(&row) }
    }

    package func setRights(_ rights: RightsRow) async throws(StoreFailure) {
        try rights.check()
        try await write { transaction, changes in
            try transaction.execute(
                """
                INSERT INTO rights (\(RightsRow.columns)) VALUES ($1, $2, $3, $4, $5)
                ON CONFLICT (name) DO UPDATE SET extenders = excluded.extenders,
                    setting_prefixes = excluded.setting_prefixes, may_connect = excluded.may_connect,
                    is_revoked = excluded.is_revoked
                """, rights.values)
            changes.append(.changed(.rights, key: rights.name))
        }
    }

    package func removeRights(of name: String) async throws(StoreFailure) {
        try await write { transaction, changes in
            let rows = try transaction.execute("DELETE FROM rights WHERE name = $1", [.text(name)])
            guard rows.affectedCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.rights, key: name))
        }
    }
}

extension PostgresStore: VaultStore {
    package func vaultRow(_ name: String) async throws(StoreFailure) -> [UInt8]? {
        let rows = try await find("SELECT sealed FROM vault WHERE name = $1", [.text(name)])
        do { return try rows.first { try $0.bytes() } } catch { throw storeFailure(of: error) }
    }

    package func workerID(of name: String) async throws(StoreFailure) -> UInt64 {
        try checkName(name)
        return try await write { transaction, _ in try knownWorkerID(of: name, in: transaction) }
    }

    package func putVaultRow(_ name: String, _ sealed: [UInt8], replacing: Bool) async throws(StoreFailure) {
        try checkName(name)
        try checkCount(sealed.count, of: "bytes of a vault row", atMost: StoreLimit.vaultRowBytes)
        try await write { transaction, _ in
            let rows = try transaction.execute(
                """
                INSERT INTO vault (name, sealed) VALUES ($1, $2)
                ON CONFLICT (name) DO \(replacing ? "UPDATE SET sealed = excluded.sealed" : "NOTHING")
                """, [.text(name), .bytes(sealed)])
            guard rows.affectedCount > 0 else { throw StoreFailure.conflict }
        }
    }
}

/// The number that a worker's name has, given now where it has none.
func knownWorkerID(of name: String, in transaction: PostgresTransaction) throws -> UInt64 {
    let find = "SELECT id FROM worker_name WHERE name = $1"
    if let id = try transaction.execute(find, [.text(name)]).first({ try $0.unsigned() }) { return id }
    try transaction.execute(
        "INSERT INTO worker_name (name) VALUES ($1) ON CONFLICT (name) DO NOTHING", [.text(name)])
    guard let id = try transaction.execute(find, [.text(name)]).first({ try $0.unsigned() }) else {
        throw StoreFailure.unavailable
    }
    return id
}
