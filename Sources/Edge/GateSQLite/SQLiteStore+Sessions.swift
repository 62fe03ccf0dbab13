import Foundation
import GRDB
package import GateModel
package import GateStore

extension SQLiteStore: SessionStore {
    package func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand])
        async throws(StoreFailure) -> [SessionID]
    {
        try opened.check(of: worker, closed: closed)
        let now = clock()
        return try await write { db, _ in
            try requireLease(worker, epoch, in: db, now: now)
            let superseded = try opened.filter { try !note($0, in: db, now: now) }.map(\.row.id)
            try end(closed, of: worker, in: db, now: now)
            return superseded
        }
    }

    package func heldSession(_ id: SessionID) async throws(StoreFailure) -> SessionNote? {
        let now = clock()
        return try await read { db in try held(id, in: db, now: now) }
    }

    package func takeOver(_ takeover: SessionTakeover, from epoch: UInt32) async throws(StoreFailure) -> UInt32 {
        try takeover.check()
        let now = clock()
        return try await write { db, _ in
            try requireLease(takeover.worker, takeover.workerEpoch, in: db, now: now)
            guard let row = try held(takeover.id, in: db, now: now)?.row else { throw StoreFailure.notFound }
            guard row.peer == takeover.peer else { throw StoreFailure.notProven }
            guard row.epoch == epoch, epoch < .max else { throw StoreFailure.conflict }
            try db.execute(
                sql: "UPDATE session SET epoch = ?, worker = ?, secret = ?, ends = NULL WHERE id = ?",
                arguments: [epoch + 1, takeover.worker, Data(takeover.secret), Data(takeover.id.value.bytes)])
            return epoch + 1
        }
    }

    package func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow] {
        let now = clock()
        return try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT session.* FROM session JOIN worker ON worker.name = session.worker
                    WHERE session.id > ? AND session.ends IS NULL AND worker.lease_ends > ?
                    ORDER BY session.id LIMIT ?
                    """,
                arguments: [after.map { Data($0.value.bytes) } ?? Data(), now, pageLimit(limit)]
            ).map(SessionRow.init(row:))
        }
    }
}

/// Writes a session down; `false`, and no change, where it was taken over or another worker that is there holds it.
private func note(_ note: SessionNote, in db: Database, now: Int64) throws -> Bool {
    let row = note.row
    try db.execute(
        sql: """
            INSERT INTO session (id, epoch, worker, peer, is_relayed, is_inbound, since, secret, ends)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)
            ON CONFLICT (id) DO UPDATE SET
                epoch = excluded.epoch, worker = excluded.worker, ends = NULL,
                secret = CASE length(excluded.secret) WHEN 0 THEN session.secret ELSE excluded.secret END
            WHERE (session.epoch <= excluded.epoch AND session.worker = excluded.worker)
                OR (session.epoch < excluded.epoch AND (session.ends IS NOT NULL OR NOT EXISTS (
                    SELECT 1 FROM worker WHERE worker.name = session.worker AND worker.lease_ends > ?)))
            """,
        arguments: [
            Data(row.id.value.bytes), row.epoch, row.worker, row.peer.map { Data($0.value.bytes) }, row.isRelayed,
            row.isInbound, row.since.seconds, Data(note.secret), now,
        ])
    return db.changesCount > 0
}

/// Ends sessions of a worker. One that was taken over leaves its epoch, in a row of no worker, for those that had it before.
private func end(_ closed: [SessionStand], of worker: String, in db: Database, now: Int64) throws {
    for session in closed {
        let own: StatementArguments = [Data(session.id.value.bytes), session.epoch, worker]
        if session.epoch == 0 {
            try db.execute(sql: "DELETE FROM session WHERE id = ? AND epoch = ? AND worker = ?", arguments: own)
        } else {
            try db.execute(
                sql: "UPDATE session SET worker = '', secret = x'', ends = ? WHERE id = ? AND epoch = ? AND worker = ?",
                arguments: [now + StoreLimit.sessionAfterlife.wholeMilliseconds] + own)
        }
    }
    guard closed.contains(where: { $0.epoch > 0 }) else { return }
    try db.execute(sql: "DELETE FROM session WHERE ends <= ?", arguments: [now])
}

private func held(_ id: SessionID, in db: Database, now: Int64) throws -> SessionNote? {
    try Row.fetchOne(
        db, sql: "SELECT * FROM session WHERE id = ? AND worker <> '' AND (ends IS NULL OR ends > ?)",
        arguments: [Data(id.value.bytes), now]
    ).map { SessionNote(row: try SessionRow(row: $0), secret: Array($0["secret"] as Data)) }
}
