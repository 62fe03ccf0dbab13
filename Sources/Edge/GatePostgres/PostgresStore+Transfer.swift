import GateAccess
import GateModel
package import GateStore

extension PostgresStore: OpenedStore {
    /// Throws `.damaged` where an index or a table can't be read. PostgreSQL looks after its files itself
    /// (`data_checksums`, `pg_amcheck`); here every row that a backup would hold is read.
    package func checkIntegrity() async throws(StoreFailure) { try await exportRows { _ in } }

    package func exportRows(
        _ take: @escaping @Sendable (PortableRow) throws(StoreFailure) -> Void
    ) async throws(StoreFailure) {
        let result = await pool.perform(within: PostgresStore.transferTimeout) { lane, deadline in
            let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
            // Once only: what was given can't be taken back.
            try lane.transaction(begin, attempts: 1, by: deadline) { transaction in
                try transaction.takeTime()
                try PostgresExport(transaction: transaction, take: take).run()
            }
        }
        do { try result.get() } catch { throw storeFailure(of: error) }
    }

    package func importRows(
        replacing: Bool, _ next: @escaping @Sendable () throws(StoreFailure) -> PortableRow?
    ) async throws(StoreFailure) {
        let result = await pool.perform(within: PostgresStore.transferTimeout) { lane, deadline in
            try lane.transaction(attempts: 1, by: deadline) { transaction in
                try transaction.takeTime()
                try PostgresImport(in: transaction, replacing: replacing).run(next)
            }
        }
        do { try result.get() } catch { throw storeFailure(of: error) }
    }
}

/// Reads every table in pages within one transaction, which sees one moment.
private struct PostgresExport {
    let transaction: PostgresTransaction
    let take: @Sendable (PortableRow) throws(StoreFailure) -> Void

    private static let pageRows = 1000
    /// Entries may be large.
    private static let entryRows = 16

    func run() throws {
        try transaction.execute(
            """
            SELECT (SELECT value FROM counter WHERE name = 'generation'),
                (SELECT value FROM counter WHERE name = 'epoch')
            """
        ).map { row in PortableRow.epoch(generation: try row.integer(), counter: try row.integer()) }.forEach(take)
        try pages(of: "setting_version", SettingRow.columns, by: ["key", "version"]) { row in
            let setting = try SettingRow(&row)
            return (.setting(setting), [.text(setting.key), .integer(setting.version)])
        }
        try pages(of: "peer", PeerRow.columns, by: ["node"]) { row in
            let peer = try PeerRow(&row)
            return (.peer(peer), [.uuid(peer.node.value)])
        }
        try pages(of: "address_rule", AddressRule.columns, by: ["key"]) { row in
            let rule = try AddressRule(&row)
            return (.addressRule(rule), [.text(rule.key)])
        }
        try pages(of: "worker_name", "id, name", by: ["id"]) { row in
            let id = try row.unsigned()
            return (.workerName(id: id, name: try row.text()), [.integer(Int64(bitPattern: id))])
        }
        try pages(of: "rights", RightsRow.columns, by: ["name"]) { row in
            let rights = try RightsRow(&row)
            return (.rights(rights), [.text(rights.name)])
        }
        try data()
        try pages(of: "reputation", "subject, \(Reputation.columns), forgiven_at", by: ["subject"]) { row in
            let (subject, reputation) = (try AccessSubject(&row), try Reputation(&row))
            let forgivenAt = UnixTime(seconds: try row.integer())
            return (.reputation(subject, reputation, forgivenAt: forgivenAt), [.text(subject.description)])
        }
        try pages(of: "ban", BanRow.columns, by: ["subject"]) { row in
            let ban = try BanRow(&row)
            return (.ban(ban), [.text(ban.subject.description)])
        }
        try pages(of: "vault", "name, sealed", by: ["name"]) { row in
            let name = try row.text()
            return (.vault(name: name, sealed: try row.bytes()), [.text(name)])
        }
    }

    private func data() throws {
        try pages(
            of: "data_space", "extender, last_version, bytes_maximum, keys_maximum", by: ["extender"]
        ) { row in
            let extender = try row.uuid()
            let space = PortableRow.dataSpace(
                ExtenderID(extender), lastVersion: try row.integer(), bytesMaximum: try row.integer(),
                keysMaximum: try row.integer())
            return (space, [.uuid(extender)])
        }
        try pages(
            of: "data_entry", "extender, \(DataEntry.columns)", by: ["extender", "key"],
            pageRows: PostgresExport.entryRows
        ) { row in
            let extender = try row.uuid()
            let entry = try DataEntry(&row)
            return (.dataEntry(ExtenderID(extender), entry), [.uuid(extender), .bytes(entry.key)])
        }
    }

    private func pages(
        of table: String, _ columns: String, by keys: [String], pageRows: Int = PostgresExport.pageRows,
        _ read: (inout PostgresRow) throws -> (PortableRow, [PostgresValue])
    ) throws {
        let key = keys.joined(separator: ", ")
        let end = "ORDER BY \(key) LIMIT \(pageRows)"
        let places = keys.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let first = "SELECT \(columns) FROM \(table) \(end)"
        let following = "SELECT \(columns) FROM \(table) WHERE (\(key)) > (\(places)) \(end)"
        var last: [PostgresValue]?
        while true {
            let page = try transaction.execute(last == nil ? first : following, last ?? []).map(read)
            for (row, _) in page { try take(row) }
            guard page.count == pageRows, let end = page.last else { return }
            last = end.1
        }
    }
}

/// Writes rows in batches of one statement.
private final class PostgresImport {
    private let transaction: PostgresTransaction
    private var sql = ""
    private var batch: [[PostgresValue]] = []
    private var batchBytes = 0
    private let ownGeneration: Int64

    private static let batchRows = 500
    private static let batchBytesMax = 4 << 20
    private static let tables = [
        "session", "worker", "worker_name", "refusal", "setting_version", "peer", "address_rule", "rights",
        "data_entry",
        "data_space", "reputation", "ban", "vault",
    ]

    init(in transaction: PostgresTransaction, replacing: Bool) throws {
        self.transaction = transaction
        // Nobody writes meanwhile, nobody reads what is half there.
        try transaction.execute("LOCK TABLE \(PostgresImport.tables.joined(separator: ", ")) IN ACCESS EXCLUSIVE MODE")
        for table in PostgresImport.tables {
            if replacing {
                try transaction.execute("DELETE FROM \(table)")
            } else {
                let isFull = try transaction.execute("SELECT EXISTS (SELECT FROM \(table))").first { try $0.flag() }
                guard isFull == false else { throw StoreFailure.conflict }
            }
        }
        let generation = try transaction.execute("SELECT value FROM counter WHERE name = 'generation' FOR UPDATE")
        ownGeneration = try generation.first { try $0.integer() } ?? 0
    }

    func run(_ next: () throws(StoreFailure) -> PortableRow?) throws {
        while let row = try next() { try write(row) }
        try flush()
        try transaction.execute(
            """
            UPDATE data_space SET bytes = sums.bytes, keys = sums.keys FROM (
                SELECT extender, sum(length(key) + length(value)) AS bytes, count(*) AS keys
                FROM data_entry GROUP BY extender
            ) AS sums WHERE sums.extender = data_space.extender
            """)
        try transaction.execute(
            """
            SELECT setval(pg_get_serial_sequence('worker_name', 'id'), (SELECT max(id) FROM worker_name))
            WHERE EXISTS (SELECT FROM worker_name)
            """)
        // Whoever follows the change log reads everything again.
        try transaction.execute(
            "UPDATE change_horizon SET xid = pg_current_xact_id(), sequence = \(Int64.max) WHERE xid < pg_current_xact_id()"
        )
        try transaction.execute("SELECT pg_notify('\(PostgresListener.channel)', '')::text")
    }

    private func write(_ row: PortableRow) throws {
        switch row {
        case .epoch(let generation, let counter):
            try transaction.execute(
                "UPDATE counter SET value = $1 WHERE name = 'generation'",
                [.integer(max(generation, ownGeneration) + 1)])
            try transaction.execute(
                "UPDATE counter SET value = greatest(value, $1) WHERE name = 'epoch'", [.integer(counter)])
        case .setting(let row):
            let values: [PostgresValue] = [
                .text(row.key), .text(row.value), .integer(row.version), .integer(row.changedAt.seconds),
                .text(row.changedBy),
            ]
            try insert(into: "setting_version", SettingRow.columns, values)
        case .peer(let row): try insert(into: "peer", PeerRow.columns, row.values)
        case .addressRule(let rule):
            let values: [PostgresValue] = [
                .text(rule.key), .bytes(rule.prefix.bytes), .integer(rule.length), .flag(rule.isAllowed),
            ]
            try insert(into: "address_rule", "key, \(AddressRule.columns)", values)
        case .workerName(let id, let name):
            try insert(into: "worker_name", "id, name", [.integer(Int64(bitPattern: id)), .text(name)])
        case .rights(let row): try insert(into: "rights", RightsRow.columns, row.values)
        case .dataSpace(let extender, let lastVersion, let bytesMaximum, let keysMaximum):
            try insert(
                into: "data_space", "extender, last_version, bytes, keys, bytes_maximum, keys_maximum",
                [
                    .uuid(extender.value), .integer(lastVersion), .integer(0), .integer(0), .integer(bytesMaximum),
                    .integer(keysMaximum),
                ])
        case .dataEntry(let extender, let entry):
            try insert(
                into: "data_entry", "extender, \(DataEntry.columns)",
                [.uuid(extender.value), .bytes(entry.key), .bytes(entry.value), .integer(entry.version)],
                bytes: entry.value.count)
        case .reputation(let subject, let reputation, let forgivenAt):
            try insert(
                into: "reputation", "subject, \(Reputation.columns), forgiven_at",
                [
                    .text(subject.description), .integer(reputation.storedScore),
                    .integer(reputation.countedAt.seconds), .integer(forgivenAt.seconds),
                ])
        case .ban(let ban): try insert(into: "ban", BanRow.columns, ban.values)
        case .vault(let name, let sealed):
            try insert(into: "vault", "name, sealed", [.text(name), .bytes(sealed)])
        }
    }

    private func insert(into table: String, _ columns: String, _ values: [PostgresValue], bytes: Int = 0) throws {
        let places = values.indices.map { "$\($0 + 1)" }.joined(separator: ", ")
        let sql = "INSERT INTO \(table) (\(columns)) VALUES (\(places))"
        if sql != self.sql { try flush() }
        self.sql = sql
        batch.append(values)
        batchBytes += bytes
        if batch.count >= PostgresImport.batchRows || batchBytes >= PostgresImport.batchBytesMax { try flush() }
    }

    private func flush() throws {
        try transaction.executeAll(sql, batch)
        batch = []
        batchBytes = 0
    }
}
