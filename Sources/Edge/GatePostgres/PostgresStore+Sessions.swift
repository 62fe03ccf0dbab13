package import GateModel
package import GateStore

extension PostgresStore: SessionStore {
    package func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand])
        async throws(StoreFailure) -> [SessionID]
    {
        try opened.check(of: worker, closed: closed)
        let now = now
        return try await write { transaction, _ in
            try requireLease(worker, epoch, now, in: transaction)
            // What was taken over, or what another worker that is there holds, stays as it is.
            let written = try transaction.executeAll(
                """
                INSERT INTO session (\(SessionRow.columns), secret, ends) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, NULL)
                ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch, worker = excluded.worker, ends = NULL,
                    secret = CASE length(excluded.secret) WHEN 0 THEN session.secret ELSE excluded.secret END
                WHERE (session.epoch <= excluded.epoch AND session.worker = excluded.worker)
                    OR (session.epoch < excluded.epoch AND (session.ends IS NOT NULL OR NOT EXISTS (
                        SELECT 1 FROM worker
                        WHERE worker.name = session.worker AND worker.lease_ends > \(present("$9")))))
                """, opened.map { $0.row.values + [.bytes($0.secret), now] })
            try end(closed, of: worker, now, in: transaction)
            return zip(opened, written).filter { $1 == 0 }.map(\.0.row.id)
        }
    }

    package func heldSession(_ id: SessionID) async throws(StoreFailure) -> SessionNote? {
        let rows = try await find(held, [now, .uuid(id.value)])
        do { return try rows.first { row in try SessionNote(&row) } } catch { throw storeFailure(of: error) }
    }

    package func takeOver(_ takeover: SessionTakeover, from epoch: UInt32) async throws(StoreFailure) -> UInt32 {
        try takeover.check()
        let now = now
        return try await write { transaction, _ in
            try requireLease(takeover.worker, takeover.workerEpoch, now, in: transaction)
            let note = try transaction.execute("\(held) FOR UPDATE", [now, .uuid(takeover.id.value)])
                .first { row in try SessionNote(&row) }
            guard let row = note?.row else { throw StoreFailure.notFound }
            guard row.peer == takeover.peer else { throw StoreFailure.notProven }
            guard row.epoch == epoch, epoch < .max else { throw StoreFailure.conflict }
            try transaction.execute(
                "UPDATE session SET epoch = $2, worker = $3, secret = $4, ends = NULL WHERE id = $1",
                [.uuid(takeover.id.value), .integer(epoch + 1), .text(takeover.worker), .bytes(takeover.secret)])
            return epoch + 1
        }
    }

    package func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow] {
        let columns = SessionRow.columns.split(separator: ", ").map { "session.\($0)" }.joined(separator: ", ")
        let sql = """
            SELECT \(columns) FROM session JOIN worker ON worker.name = session.worker
            WHERE ($2::uuid IS NULL OR session.id > $2) AND session.ends IS NULL
                AND worker.lease_ends > \(present("$1"))
            ORDER BY session.id LIMIT $3
            """
        return try await list(sql, [now, .uuid(after?.value), .integer(pageLimit(limit))]) { row in
            try SessionRow(&row)
        }
    }
}

/// A session that can be gone on with: `$1` is the present, `$2` its id.
private let held = """
    SELECT \(SessionRow.columns), secret FROM session
    WHERE id = $2 AND worker <> '' AND (ends IS NULL OR ends > \(present("$1")))
    """

/// Ends sessions of a worker. One that was taken over leaves its epoch, in a row of no worker, for those that had it before.
private func end(
    _ closed: [SessionStand], of worker: String, _ now: PostgresValue, in transaction: PostgresTransaction
) throws {
    let own = "id = $1 AND epoch = $2 AND worker = $3"
    func values(_ stand: SessionStand) -> [PostgresValue] {
        [.uuid(stand.id.value), .integer(stand.epoch), .text(worker)]
    }
    try transaction.executeAll("DELETE FROM session WHERE \(own)", closed.filter { $0.epoch == 0 }.map(values))
    let takenOver = closed.filter { $0.epoch > 0 }
    guard !takenOver.isEmpty else { return }
    let ends = "\(present("$4")) + \(StoreLimit.sessionAfterlife.wholeMilliseconds)"
    try transaction.executeAll(
        "UPDATE session SET worker = '', secret = '', ends = \(ends) WHERE \(own)",
        takenOver.map { values($0) + [now] })
    try transaction.execute(
        """
        DELETE FROM session WHERE id IN (
            SELECT id FROM session WHERE ends <= \(present("$1")) LIMIT \(StoreLimit.batchRows)
            FOR UPDATE SKIP LOCKED)
        """, [now])
}

extension SessionNote {
    fileprivate init(_ row: inout PostgresRow) throws {
        self.init(row: try SessionRow(&row), secret: try row.bytes())
    }
}
