import Foundation
import GRDB
import GateModel
package import GateStore

extension SQLiteStore: WorkerStore {
    package func registerWorker(_ registration: WorkerRegistration, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        try registration.check()
        let now = clock()
        let name = registration.name
        return try await write { db, changes in
            try retireSessions(of: "name = ? OR lease_ends <= ?", [name, now], in: db, now: now)
            try db.execute(sql: "DELETE FROM worker WHERE name = ? OR lease_ends <= ?", arguments: [name, now])
            let count = try Int.fetchOne(db, sql: "SELECT count(*) FROM worker") ?? 0
            guard count < StoreLimit.workers else { throw StoreFailure.quotaExceeded }
            try forgetJoined(in: db)
            try db.execute(sql: "INSERT OR IGNORE INTO worker_name (name) VALUES (?)", arguments: [name])
            try db.execute(sql: "UPDATE counter SET value = value + 1 WHERE name = 'epoch'")
            try db.execute(
                sql: """
                    INSERT INTO worker SELECT :name, id, :link, :admin,
                    (SELECT value FROM counter WHERE name = 'generation'), 0,
                    (SELECT value FROM counter WHERE name = 'epoch'), 0, 0, 0, 0, :ends
                    FROM worker_name WHERE name = :name
                    """,
                arguments: [
                    "name": name, "link": registration.linkAddress, "admin": registration.adminAddress,
                    "ends": now + lease.wholeMilliseconds,
                ])
            changes.append(.changed(.workers, key: name))
            guard let row = try fetch(name, in: db, now: now) else { throw StoreFailure.leaseLost }
            return row
        }
    }

    package func renewWorker(_ name: String, epoch: WorkerEpoch, load: WorkerLoad, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        let now = clock()
        return try await write { db, _ in
            try requireLease(name, epoch, in: db, now: now)
            try db.execute(
                sql: "UPDATE worker SET sessions = ?, circuits = ?, streams = ?, lease_ends = ? WHERE name = ?",
                arguments: [load.sessions, load.circuits, load.streams, now + lease.wholeMilliseconds, name])
            guard let row = try fetch(name, in: db, now: now) else { throw StoreFailure.leaseLost }
            return row
        }
    }

    package func removeWorker(_ name: String, epoch: WorkerEpoch) async throws(StoreFailure) {
        let now = clock()
        try await write { db, changes in
            let registration = "name = ? AND generation = ? AND timeline = ? AND counter = ?"
            let arguments: StatementArguments = [name, epoch.generation, epoch.timeline, epoch.storedCounter]
            try retireSessions(of: registration, arguments, in: db, now: now)
            try db.execute(sql: "DELETE FROM worker WHERE \(registration)", arguments: arguments)
            if db.changesCount > 0 { changes.append(.changed(.workers, key: name)) }
        }
    }

    package func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure) {
        let now = clock()
        try await write { db, changes in
            try db.execute(
                sql: "UPDATE worker SET is_draining = ? WHERE name = ? AND lease_ends > ?",
                arguments: [isDraining, name, now])
            guard db.changesCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.workers, key: name))
        }
    }

    package func workers() async throws(StoreFailure) -> [WorkerRow] {
        let now = clock()
        return try await read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM worker WHERE lease_ends > ? ORDER BY name", arguments: [now])
                .map { WorkerRow(row: $0, now: now) }
        }
    }
}

extension SQLiteStore: RefusalStore {
    package func noteRefusals(_ refusals: [RefusalRow]) async throws(StoreFailure) {
        try checkCount(refusals.count, of: "refusals", atMost: StoreLimit.batchRows)
        for refusal in refusals { try refusal.check() }
        try await write { db, _ in
            for refusal in refusals {
                try db.execute(
                    sql: """
                        INSERT INTO refusal (at, is_inbound, node, address, reason, worker) VALUES (?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        refusal.at.seconds, refusal.isInbound, refusal.node.map { Data($0.value.bytes) },
                        refusal.address, refusal.reason, refusal.worker,
                    ])
            }
            try db.execute(
                sql: "DELETE FROM refusal WHERE sequence <= (SELECT max(sequence) FROM refusal) - ?",
                arguments: [StoreLimit.refusals])
        }
    }

    package func refusals(limit: Int) async throws(StoreFailure) -> [RefusalRow] {
        try await read { db in
            try Row.fetchAll(
                db, sql: "SELECT * FROM refusal ORDER BY sequence DESC LIMIT ?", arguments: [pageLimit(limit)]
            ).map(RefusalRow.init(row:))
        }
    }
}

/// Forgets the oldest names of workers that joined and are gone, so that restarts leave no row for ever. Their ids are
/// never given again.
private func forgetJoined(in db: Database) throws {
    try db.execute(
        sql: """
            DELETE FROM worker_name WHERE name GLOB ? AND id NOT IN (SELECT id FROM worker)
            AND id <= (SELECT max(id) FROM worker_name) - ?
            """,
        arguments: ["*-" + String(repeating: "[a-z2-7]", count: 12), StoreLimit.joinedWorkerNames])
}

func requireLease(_ name: String, _ epoch: WorkerEpoch, in db: Database, now: Int64) throws {
    guard try fetch(name, in: db, now: now)?.epoch == epoch else { throw StoreFailure.leaseLost }
}

/// Sessions of workers that end now are kept for their peers to go on with; those that nobody went on with are dropped.
private func retireSessions(
    of workers: String, _ arguments: StatementArguments, in db: Database, now: Int64
) throws {
    try db.execute(
        sql: "UPDATE session SET ends = ? WHERE ends IS NULL AND worker IN (SELECT name FROM worker WHERE \(workers))",
        arguments: [now + StoreLimit.sessionAfterlife.wholeMilliseconds] + arguments)
    try db.execute(sql: "DELETE FROM session WHERE ends <= ?", arguments: [now])
}

private func fetch(_ name: String, in db: Database, now: Int64) throws -> WorkerRow? {
    try Row.fetchOne(db, sql: "SELECT * FROM worker WHERE name = ? AND lease_ends > ?", arguments: [name, now])
        .map { WorkerRow(row: $0, now: now) }
}
