import Foundation
import GRDB
import GateAccess
import GateModel
package import GateStore

extension SQLiteStore: OpenedStore {
    package func exportRows(
        _ take: @escaping @Sendable (PortableRow) throws(StoreFailure) -> Void
    ) async throws(StoreFailure) {
        try await read { db in
            func each(_ sql: String, _ row: (Row) throws -> PortableRow) throws {
                let rows = try Row.fetchCursor(db, sql: sql)
                while let next = try rows.next() { try take(try row(next)) }
            }
            try each(
                """
                SELECT (SELECT value FROM counter WHERE name = 'generation') AS generation,
                    (SELECT value FROM counter WHERE name = 'epoch') AS epoch
                """
            ) { .epoch(generation: $0["generation"], counter: $0["epoch"]) }
            try each("SELECT * FROM setting_version ORDER BY key, version") { .setting(SettingRow(row: $0)) }
            try each("SELECT * FROM peer ORDER BY node") { .peer(try PeerRow(row: $0)) }
            try each("SELECT * FROM address_rule ORDER BY key") { .addressRule(try AddressRule(row: $0)) }
            try each("SELECT * FROM worker_name ORDER BY id") {
                .workerName(id: UInt64(bitPattern: $0["id"] as Int64), name: $0["name"])
            }
            try each("SELECT * FROM rights ORDER BY name") { .rights(try RightsRow(row: $0)) }
            try each("SELECT * FROM data_space ORDER BY extender") {
                .dataSpace(
                    try extender(of: $0), lastVersion: $0["last_version"], bytesMaximum: $0["bytes_maximum"],
                    keysMaximum: $0["keys_maximum"])
            }
            try each("SELECT * FROM data_entry ORDER BY extender, key") {
                .dataEntry(try extender(of: $0), DataEntry(row: $0))
            }
            try each("SELECT * FROM reputation ORDER BY subject") {
                .reputation(
                    try subject($0), Reputation(row: $0), forgivenAt: UnixTime(seconds: $0["forgiven_at"]))
            }
            try each("SELECT * FROM ban ORDER BY subject") { .ban(try BanRow(row: $0)) }
            try each("SELECT * FROM vault ORDER BY name") {
                .vault(name: $0["name"], sealed: Array($0["sealed"] as Data))
            }
        }
    }

    package func importRows(
        replacing: Bool, _ next: @escaping @Sendable () throws(StoreFailure) -> PortableRow?
    ) async throws(StoreFailure) {
        try await write { db, _ in
            for table in portableTables {
                if replacing {
                    try db.execute(sql: "DELETE FROM \(table)")
                } else {
                    let isFull = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM \(table))") ?? false
                    guard !isFull else { throw StoreFailure.conflict }
                }
            }
            let own = try Int64.fetchOne(db, sql: "SELECT value FROM counter WHERE name = 'generation'") ?? 0
            while let row = try next() { try insert(row, ownGeneration: own, in: db) }
            try db.execute(
                sql: """
                    UPDATE data_space SET
                        keys = (SELECT count(*) FROM data_entry WHERE extender = data_space.extender),
                        bytes = (SELECT COALESCE(sum(length(key) + length(value)), 0) FROM data_entry
                            WHERE extender = data_space.extender)
                    """)
        }
    }
}

private let portableTables = [
    "session", "worker", "worker_name", "refusal", "setting_version", "peer", "address_rule", "rights", "data_entry",
    "data_space", "reputation", "ban", "vault",
]

private func extender(of row: Row) throws -> ExtenderID {
    guard let uuid = UUIDBytes(bytes: row["extender"] as Data) else {
        throw StoreFailure.damaged("a UUID without 16 bytes")
    }
    return ExtenderID(uuid)
}

private func insert(_ row: PortableRow, ownGeneration: Int64, in db: Database) throws {
    func insert(_ table: String, _ values: [String: (any DatabaseValueConvertible)?]) throws {
        let columns = values.keys.sorted()
        let places = columns.map { ":\($0)" }.joined(separator: ", ")
        let statement = try db.cachedStatement(
            sql: "INSERT INTO \(table) (\(columns.joined(separator: ", "))) VALUES (\(places))")
        try statement.execute(arguments: StatementArguments(values))
    }
    switch row {
    case .epoch(let generation, let counter):
        try db.execute(
            sql: "UPDATE counter SET value = ? WHERE name = 'generation'",
            arguments: [max(generation, ownGeneration) + 1])
        try db.execute(sql: "UPDATE counter SET value = max(value, ?) WHERE name = 'epoch'", arguments: [counter])
    case .setting(let row):
        try insert(
            "setting_version",
            [
                "key": row.key, "version": row.version, "value": row.value, "changed_at": row.changedAt.seconds,
                "changed_by": row.changedBy,
            ])
    case .peer(let row): try store(row, in: db)
    case .addressRule(let rule):
        try insert(
            "address_rule",
            [
                "key": rule.key, "prefix": Data(rule.prefix.bytes), "length": rule.length, "is_allowed": rule.isAllowed,
            ])
    case .workerName(let id, let name):
        try insert("worker_name", ["id": Int64(bitPattern: id), "name": name])
    case .rights(let row): try store(row, in: db)
    case .dataSpace(let extender, let lastVersion, let bytesMaximum, let keysMaximum):
        try insert(
            "data_space",
            [
                "extender": Data(extender.value.bytes), "last_version": lastVersion, "bytes": 0, "keys": 0,
                "bytes_maximum": bytesMaximum, "keys_maximum": keysMaximum,
            ])
    case .dataEntry(let extender, let entry):
        try insert(
            "data_entry",
            [
                "extender": Data(extender.value.bytes), "key": Data(entry.key), "value": Data(entry.value),
                "version": entry.version,
            ])
    case .reputation(let subject, let reputation, let forgivenAt):
        try insert(
            "reputation",
            [
                "subject": subject.description, "score": reputation.storedScore,
                "counted_at": reputation.countedAt.seconds, "forgiven_at": forgivenAt.seconds,
            ])
    case .ban(let ban): try store(ban, in: db)
    case .vault(let name, let sealed): try insert("vault", ["name": name, "sealed": Data(sealed)])
    }
}
