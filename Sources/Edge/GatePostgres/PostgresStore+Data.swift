package import GateModel
package import GateStore

extension PostgresStore: ExtenderDataStore {
    package func entry(_ key: [UInt8], of extender: ExtenderID) async throws(StoreFailure) -> DataEntry? {
        try checkDataKey(key)
        let rows = try await find(
            "SELECT \(DataEntry.columns) FROM data_entry WHERE extender = $1 AND key = $2",
            [.uuid(extender.value), .bytes(key)])
        do { return try rows.first { row in try DataEntry(&row) } } catch { throw storeFailure(of: error) }
    }

    package func entries(prefix: [UInt8], after: [UInt8]?, limit: Int, of extender: ExtenderID)
        async throws(StoreFailure) -> [DataEntry]
    {
        // The inner page is chosen by lengths, so that no more than the answer is ever read and sent.
        let sql = """
            SELECT \(DataEntry.columns) FROM (
                SELECT \(DataEntry.columns), row_number() OVER (ORDER BY key) AS place,
                    sum(length(key) + length(value)) OVER (ORDER BY key) AS total
                FROM data_entry
                WHERE extender = $1 AND key >= $2 AND ($3::bytea IS NULL OR key < $3)
                    AND ($4::bytea IS NULL OR key > $4)
                ORDER BY key LIMIT $5
            ) AS page WHERE place = 1 OR total <= \(StoreLimit.dataTransactionBytes) ORDER BY key
            """
        let parameters: [PostgresValue] = [
            .uuid(extender.value), .bytes(prefix), .bytes(successor(of: prefix)), .bytes(after),
            .integer(pageLimit(limit)),
        ]
        return dataPage(try await list(sql, parameters) { row in try DataEntry(&row) })
    }

    package func commit(_ transaction: DataTransaction, of extender: ExtenderID) async throws(StoreFailure) -> Int64 {
        try transaction.check()
        return try await write { database, changes in
            var space = try DataSpace(opening: extender, for: transaction, in: database)
            for condition in transaction.conditions {
                guard space.versions[condition.key] ?? 0 == condition.version else { throw StoreFailure.conflict }
            }
            let before = space.usage
            for change in transaction.changes { space.apply(change) }
            try space.usage.checkQuota(from: before)
            try space.write(in: database)
            changes = transaction.changes.map { .changed(.data(extender), key: changeKey($0.key)) }
            return space.version
        }
    }

    package func usage(of extender: ExtenderID) async throws(StoreFailure) -> DataUsage {
        let rows = try await find(
            "SELECT \(DataUsage.columns) FROM data_space WHERE extender = $1", [.uuid(extender.value)])
        do {
            return try rows.first { row in try DataUsage(&row) }
                ?? DataUsage(
                    bytes: 0, keys: 0, bytesMaximum: StoreLimit.dataQuotaBytes, keysMaximum: StoreLimit.dataQuotaKeys)
        } catch {
            throw storeFailure(of: error)
        }
    }

    package func setQuota(bytes: Int64, keys: Int64, of extender: ExtenderID) async throws(StoreFailure) {
        guard bytes >= 0, keys >= 0 else { throw .invalid("a quota is not negative") }
        try await write { transaction, _ in
            try DataSpace.open(extender, in: transaction)
            try transaction.execute(
                "UPDATE data_space SET bytes_maximum = $2, keys_maximum = $3 WHERE extender = $1",
                [.uuid(extender.value), .integer(bytes), .integer(keys)])
        }
    }
}

/// An extender's data as far as one transaction touches it, locked against others.
private struct DataSpace {
    private let extender: ExtenderID
    /// The version that this transaction's puts have.
    let version: Int64
    private(set) var usage: DataUsage
    /// The versions of the keys that are touched and exist.
    private(set) var versions: [[UInt8]: Int64] = [:]
    private var lengths: [[UInt8]: Int64] = [:]
    /// What each key that is changed holds at the end; `nil` where it is deleted.
    private var written: [[UInt8]: [UInt8]?] = [:]

    static func open(_ extender: ExtenderID, in transaction: PostgresTransaction) throws {
        try transaction.execute(
            """
            INSERT INTO data_space (extender, last_version, bytes, keys, bytes_maximum, keys_maximum)
            VALUES ($1, 0, 0, 0, $2, $3) ON CONFLICT (extender) DO NOTHING
            """,
            [.uuid(extender.value), .integer(StoreLimit.dataQuotaBytes), .integer(StoreLimit.dataQuotaKeys)])
    }

    init(
        opening extender: ExtenderID, for changes: DataTransaction, in transaction: PostgresTransaction
    ) throws {
        self.extender = extender
        try DataSpace.open(extender, in: transaction)
        let space = try transaction.execute(
            "SELECT last_version + 1, \(DataUsage.columns) FROM data_space WHERE extender = $1 FOR UPDATE",
            [.uuid(extender.value)]
        ).first { row in (try row.integer(), try DataUsage(&row)) }
        guard let space else { throw StoreFailure.unavailable }
        (version, usage) = space
        let keys = Set(changes.conditions.map(\.key) + changes.changes.map(\.key))
        let rows = try transaction.execute(
            "SELECT key, version, length(value)::bigint FROM data_entry WHERE extender = $1 AND key = ANY ($2)",
            [.uuid(extender.value), .byteStrings(Array(keys))]
        ).map { row in (key: try row.bytes(), version: try row.integer(), length: try row.integer()) }
        for row in rows {
            versions[row.key] = row.version
            lengths[row.key] = row.length
        }
    }

    mutating func apply(_ change: DataChange) {
        let key = change.key
        if let length = lengths.removeValue(forKey: key) {
            usage.bytes -= length + Int64(key.count)
            usage.keys -= 1
        }
        switch change {
        case .put(_, let value):
            lengths[key] = Int64(value.count)
            usage.bytes += Int64(key.count + value.count)
            usage.keys += 1
            written[key] = .some(value)
        case .delete: written[key] = .some(nil)
        }
    }

    func write(in transaction: PostgresTransaction) throws {
        let space = PostgresValue.uuid(extender.value)
        var puts: [[PostgresValue]] = []
        var deletions: [[PostgresValue]] = []
        for (key, value) in written {
            if let value {
                puts.append([space, .bytes(key), .bytes(value), .integer(version)])
            } else {
                deletions.append([space, .bytes(key)])
            }
        }
        try transaction.executeAll(
            """
            INSERT INTO data_entry (extender, key, value, version) VALUES ($1, $2, $3, $4)
            ON CONFLICT (extender, key) DO UPDATE SET value = excluded.value, version = excluded.version
            """, puts)
        try transaction.executeAll("DELETE FROM data_entry WHERE extender = $1 AND key = $2", deletions)
        try transaction.execute(
            "UPDATE data_space SET last_version = $2, bytes = $3, keys = $4 WHERE extender = $1",
            [space, .integer(version), .integer(usage.bytes), .integer(usage.keys)])
    }
}

/// The least byte string that is greater than every one beginning with `prefix`; `nil` if there is none.
private func successor(of prefix: [UInt8]) -> [UInt8]? {
    guard let last = prefix.lastIndex(where: { $0 < 255 }) else { return nil }
    return Array(prefix[..<last]) + [prefix[last] + 1]
}
