import GateStore

/// Where the change log stands on the server.
struct ChangeLogState: Equatable {
    /// The server's timeline: another one after a standby was promoted or a backup was replayed.
    var timeline: Int64
    /// The oldest transaction that is still open: what older ones logged is all there is to see of them.
    var oldestOpen: UInt64
    /// The last row that was cut off.
    var horizon: ChangePosition

    /// Reads it. Must be done before the rows are read: then these hold all that is older than `oldestOpen`.
    init(by lane: PostgresLane, _ deadline: PostgresDeadline) throws {
        let rows = try lane.read(ChangeLogState.sql, [], by: deadline)
        let state = try rows.first { row in
            ChangeLogState(
                timeline: try row.integer(), oldestOpen: try row.unsigned(),
                horizon: ChangePosition(transaction: try row.unsigned(), sequence: try row.integer()))
        }
        guard let state else { throw StoreFailure.damaged("the change log has no horizon") }
        self = state
    }

    init(timeline: Int64, oldestOpen: UInt64, horizon: ChangePosition) {
        self.timeline = timeline
        self.oldestOpen = oldestOpen
        self.horizon = horizon
    }

    private static let sql = """
        SELECT \(timeline), pg_snapshot_xmin(pg_current_snapshot()), xid, sequence FROM change_horizon
        """

    /// The timeline as the name of the present file of the log has it, which any role may ask for and which is right
    /// from the moment of a promotion on.
    static let timeline = "('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint"
}

/// A place in the change log.
struct ChangePosition: Hashable, Comparable {
    var transaction: UInt64
    var sequence: Int64

    static func < (left: ChangePosition, right: ChangePosition) -> Bool {
        (left.transaction, left.sequence) < (right.transaction, right.sequence)
    }
}

/// A row of the change log.
struct LoggedChange: Equatable {
    var position: ChangePosition
    /// `nil` for a topic of another version.
    var change: StoreChange?
}

/// Reads the change log so that nothing is missed and nothing is told twice.
///
/// Rows carry the id of the transaction that wrote them. A transaction with a small id may commit after one with a
/// greater id; so the place from which to read next never passes the oldest open transaction, and rows behind it, which
/// are told as soon as they are seen, are remembered until it does.
struct ChangeCursor {
    /// Everything before is told.
    private(set) var position: ChangePosition
    private var timeline: Int64
    /// Rows at or behind the position that are told already.
    private var told: Set<ChangePosition> = []

    init(at state: ChangeLogState) {
        position = ChangePosition(transaction: state.oldestOpen, sequence: 0)
        timeline = state.timeline
    }

    /// What to tell, given the log's state and, read after it, all rows behind `position`.
    mutating func advance(to state: ChangeLogState, _ rows: [LoggedChange]) -> [StoreChange] {
        // Another server may have used the same ids for other transactions; what was cut off was perhaps not told.
        let isOther = state.timeline != timeline || state.oldestOpen < position.transaction
        guard !isOther, state.horizon < position, rows.count <= StoreLimit.changeLogRows else {
            self = ChangeCursor(at: state)
            return [.resynchronise]
        }
        let fresh = rows.filter { !told.contains($0.position) }
        if state.oldestOpen > position.transaction {
            position = ChangePosition(transaction: state.oldestOpen, sequence: 0)
        }
        told.formUnion(fresh.lazy.map(\.position))
        told = told.filter { $0 > position }
        return fresh.compactMap(\.change)
    }
}

extension ChangeCursor {
    /// Reads the log and returns what to tell.
    mutating func advance(by lane: PostgresLane, _ deadline: PostgresDeadline) throws -> [StoreChange] {
        let state = try ChangeLogState(by: lane, deadline)
        var rows: [LoggedChange] = []
        var last = position
        while rows.count <= StoreLimit.changeLogRows {
            let page = try ChangeCursor.page(after: last, by: lane, deadline)
            rows += page
            guard page.count == ChangeCursor.pageRows, let end = page.last else { break }
            last = end.position
        }
        return advance(to: state, rows)
    }

    private static let pageRows = 1000

    private static func page(
        after last: ChangePosition, by lane: PostgresLane, _ deadline: PostgresDeadline
    ) throws -> [LoggedChange] {
        let sql = """
            SELECT xid, sequence, topic, key FROM change_log WHERE (xid, sequence) > ($1, $2)
            ORDER BY xid, sequence LIMIT \(pageRows)
            """
        return try lane.read(sql, [.transaction(last.transaction), .integer(last.sequence)], by: deadline).map { row in
            let position = ChangePosition(transaction: try row.unsigned(), sequence: try row.integer())
            let topic = StoreTopic(logText: try row.text())
            let key = try row.text()
            return LoggedChange(position: position, change: topic.map { .changed($0, key: key) })
        }
    }

    /// Cuts the log to its newest rows. Nothing that an open transaction may still add to is cut: a reader's place is
    /// never behind that, so none is told to read everything again for ever.
    static func cut(by lane: PostgresLane, _ deadline: PostgresDeadline) throws {
        let sql = """
            SELECT xid, sequence FROM change_log WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
            ORDER BY xid DESC, sequence DESC OFFSET $1 LIMIT 1
            """
        let rows = try lane.read(sql, [.integer(StoreLimit.changeLogRows)], by: deadline)
        let end = try rows.first { ChangePosition(transaction: try $0.unsigned(), sequence: try $0.integer()) }
        guard let end else { return }
        let place: [PostgresValue] = [.transaction(end.transaction), .integer(end.sequence)]
        try lane.transaction(by: deadline) { transaction in
            try transaction.execute(
                """
                UPDATE change_horizon SET xid = $1, sequence = $2 WHERE (xid, sequence) < ($1, $2)
                """, place)
            try transaction.execute("DELETE FROM change_log WHERE (xid, sequence) <= ($1, $2)", place)
        }
    }

    /// Empties a log whose ids come from another server: the database was copied here as a dump, which is a restored
    /// backup, so the generation rises.
    static func forgetOtherServers(in transaction: PostgresTransaction) throws {
        let isForeign = "xid >= pg_snapshot_xmax(pg_current_snapshot())"
        let rows = try transaction.execute(
            """
            SELECT EXISTS (SELECT FROM change_log WHERE \(isForeign))
                OR EXISTS (SELECT FROM change_horizon WHERE \(isForeign))
            """)
        guard try rows.first({ try $0.flag() }) == true else { return }
        try transaction.execute("DELETE FROM change_log")
        try transaction.execute("UPDATE change_horizon SET xid = '0', sequence = 0")
        try transaction.execute("UPDATE counter SET value = value + 1 WHERE name = 'generation'")
    }
}
