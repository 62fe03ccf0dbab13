import Foundation
import GRDB
package import GateModel
package import GateStore

extension SQLiteStore: ExtenderDataStore {
    package func entry(_ key: [UInt8], of extender: ExtenderID) async throws(StoreFailure) -> DataEntry? {
        try checkDataKey(key)
        return try await read { db in
            try Row.fetchOne(
                db, sql: "SELECT key, value, version FROM data_entry WHERE extender = ? AND key = ?",
                arguments: [Data(extender.value.bytes), Data(key)]
            ).map(DataEntry.init(row:))
        }
    }

    package func entries(prefix: [UInt8], after: [UInt8]?, limit: Int, of extender: ExtenderID)
        async throws(StoreFailure) -> [DataEntry]
    {
        var conditions = "extender = ? AND key >= ?"
        var arguments: StatementArguments = [Data(extender.value.bytes), Data(prefix)]
        if let end = successor(of: prefix) {
            conditions += " AND key < ?"
            arguments += [Data(end)]
        }
        if let after {
            conditions += " AND key > ?"
            arguments += [Data(after)]
        }
        let sql = "SELECT key, value, version FROM data_entry WHERE \(conditions) ORDER BY key LIMIT ?"
        arguments += [pageLimit(limit)]
        return try await read { [arguments] db in
            // Rows are read one by one, so that a page of large values is never in memory as a whole.
            let rows = try Row.fetchCursor(db, sql: sql, arguments: arguments)
            var page: [DataEntry] = []
            while let row = try rows.next() {
                page.append(DataEntry(row: row))
                let fitting = dataPage(page)
                if fitting.count < page.count { return fitting }
            }
            return page
        }
    }

    package func commit(_ transaction: DataTransaction, of extender: ExtenderID) async throws(StoreFailure) -> Int64 {
        try transaction.check()
        return try await write { db, changes in
            let space = Data(extender.value.bytes)
            for condition in transaction.conditions {
                let version = try Int64.fetchOne(
                    db, sql: "SELECT version FROM data_entry WHERE extender = ? AND key = ?",
                    arguments: [space, Data(condition.key)])
                guard version ?? 0 == condition.version else { throw StoreFailure.conflict }
            }
            let before = try storedUsage(of: extender, in: db)
            try open(space, in: db)
            let version = try Int64.fetchOne(
                db, sql: "SELECT last_version + 1 FROM data_space WHERE extender = ?", arguments: [space])
            guard let version else { throw StoreFailure.unavailable }
            var after = before
            for change in transaction.changes { try apply(change, version, space, &after, in: db) }
            try after.checkQuota(from: before)
            try db.execute(
                sql: "UPDATE data_space SET last_version = ?, bytes = ?, keys = ? WHERE extender = ?",
                arguments: [version, after.bytes, after.keys, space])
            changes = transaction.changes.map { .changed(.data(extender), key: changeKey($0.key)) }
            return version
        }
    }

    package func usage(of extender: ExtenderID) async throws(StoreFailure) -> DataUsage {
        try await read { db in try storedUsage(of: extender, in: db) }
    }

    package func setQuota(bytes: Int64, keys: Int64, of extender: ExtenderID) async throws(StoreFailure) {
        guard bytes >= 0, keys >= 0 else { throw .invalid("a quota is not negative") }
        try await write { db, _ in
            try open(Data(extender.value.bytes), in: db)
            try db.execute(
                sql: "UPDATE data_space SET bytes_maximum = ?, keys_maximum = ? WHERE extender = ?",
                arguments: [bytes, keys, Data(extender.value.bytes)])
        }
    }
}

/// The least byte string that is greater than every one beginning with `prefix`; `nil` if there is none.
private func successor(of prefix: [UInt8]) -> [UInt8]? {
    guard let last = prefix.lastIndex(where: { $0 < 255 }) else { return nil }
    return Array(prefix[..<last]) + [prefix[last] + 1]
}

private func open(_ space: Data, in db: Database) throws {
    try db.execute(
        sql: "INSERT OR IGNORE INTO data_space VALUES (?, 0, 0, 0, ?, ?)",
        arguments: [space, StoreLimit.dataQuotaBytes, StoreLimit.dataQuotaKeys])
}

private func storedUsage(of extender: ExtenderID, in db: Database) throws -> DataUsage {
    let row = try Row.fetchOne(
        db, sql: "SELECT * FROM data_space WHERE extender = ?", arguments: [Data(extender.value.bytes)])
    guard let row else {
        return DataUsage(
            bytes: 0, keys: 0, bytesMaximum: StoreLimit.dataQuotaBytes, keysMaximum: StoreLimit.dataQuotaKeys)
    }
    return DataUsage(
        bytes: row["bytes"], keys: row["keys"], bytesMaximum: row["bytes_maximum"], keysMaximum: row["keys_maximum"])
}

private func apply(
    _ change: DataChange, _ version: Int64, _ space: Data, _ usage: inout DataUsage, in db: Database
) throws {
    let key = Data(change.key)
    let length = try Int64.fetchOne(
        db, sql: "SELECT length(value) FROM data_entry WHERE extender = ? AND key = ?", arguments: [space, key])
    if let length {
        usage.bytes -= length + Int64(key.count)
        usage.keys -= 1
    }
    switch change {
    case .put(_, let value):
        try db.execute(
            sql: "INSERT OR REPLACE INTO data_entry (extender, key, value, version) VALUES (?, ?, ?, ?)",
            arguments: [space, key, Data(value), version])
        usage.bytes += Int64(key.count + value.count)
        usage.keys += 1
    case .delete:
        try db.execute(sql: "DELETE FROM data_entry WHERE extender = ? AND key = ?", arguments: [space, key])
    }
}
