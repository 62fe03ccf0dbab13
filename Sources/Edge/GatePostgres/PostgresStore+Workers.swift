import GateModel
package import GateStore

extension PostgresStore: WorkerStore {
    package func registerWorker(_ registration: WorkerRegistration, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        try registration.check()
        let name = registration.name
        let now = now
        return try await write { transaction, changes in
            // Locks the counter: registrations come one after the other.
            let epoch = try transaction.execute(
                "UPDATE counter SET value = value + 1 WHERE name = 'epoch' RETURNING value"
            ).first { try $0.integer() }
            guard let epoch else { throw StoreFailure.damaged("there is no counter of epochs") }
            try retireSessions(
                of: "name = $2 OR lease_ends <= \(present("$1"))", [now, .text(name)], in: transaction)
            try transaction.execute(
                "DELETE FROM worker WHERE name = $1 OR lease_ends <= \(present("$2"))", [.text(name), now])
            let count = try transaction.execute("SELECT count(*) FROM worker").first { try $0.integer() }
            guard count ?? 0 < StoreLimit.workers else { throw StoreFailure.quotaExceeded }
            try forgetJoined(in: transaction)
            let id = try knownWorkerID(of: name, in: transaction)
            let rows = try transaction.execute(
                """
                INSERT INTO worker (name, id, link_address, admin_address, generation, timeline, counter, sessions,
                    circuits, streams, is_draining, lease_ends)
                SELECT $2, $3, $4, $5, (SELECT value FROM counter WHERE name = 'generation'),
                    \(ChangeLogState.timeline), $6, 0, 0, 0, false, \(present("$1")) + $7
                RETURNING \(WorkerRow.columns(now: present("$1")))
                """,
                [
                    now, .text(name), .integer(Int64(bitPattern: id)), .text(registration.linkAddress),
                    .text(registration.adminAddress), .integer(epoch), .integer(lease.wholeMilliseconds),
                ])
            changes.append(.changed(.workers, key: name))
            guard let row = try rows.first({ row in try WorkerRow(&row) }) else { throw StoreFailure.leaseLost }
            return row
        }
    }

    package func renewWorker(_ name: String, epoch: WorkerEpoch, load: WorkerLoad, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        let now = now
        return try await write { transaction, _ in
            let rows = try transaction.execute(
                """
                UPDATE worker SET sessions = $6, circuits = $7, streams = $8, lease_ends = \(present("$1")) + $9
                WHERE \(ownLease) RETURNING \(WorkerRow.columns(now: present("$1")))
                """,
                [now, .text(name)] + epoch.values + [
                    .integer(load.sessions), .integer(load.circuits), .integer(load.streams),
                    .integer(lease.wholeMilliseconds),
                ])
            guard let row = try rows.first({ row in try WorkerRow(&row) }) else { throw StoreFailure.leaseLost }
            return row
        }
    }

    package func removeWorker(_ name: String, epoch: WorkerEpoch) async throws(StoreFailure) {
        let now = now
        try await write { transaction, changes in
            try retireSessions(
                of: "name = $2 AND generation = $3 AND timeline = $4 AND counter = $5",
                [now, .text(name)] + epoch.values, in: transaction)
            let rows = try transaction.execute(
                "DELETE FROM worker WHERE name = $1 AND generation = $2 AND timeline = $3 AND counter = $4",
                [.text(name)] + epoch.values)
            if rows.affectedCount > 0 { changes.append(.changed(.workers, key: name)) }
        }
    }

    package func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure) {
        let now = now
        try await write { transaction, changes in
            let rows = try transaction.execute(
                "UPDATE worker SET is_draining = $3 WHERE name = $2 AND lease_ends > \(present("$1"))",
                [now, .text(name), .flag(isDraining)])
            guard rows.affectedCount > 0 else { throw StoreFailure.notFound }
            changes.append(.changed(.workers, key: name))
        }
    }

    package func workers() async throws(StoreFailure) -> [WorkerRow] {
        let sql = """
            SELECT \(WorkerRow.columns(now: present("$1"))) FROM worker WHERE lease_ends > \(present("$1"))
            ORDER BY name
            """
        return try await list(sql, [now]) { row in try WorkerRow(&row) }
    }
}

extension PostgresStore: RefusalStore {
    package func noteRefusals(_ refusals: [RefusalRow]) async throws(StoreFailure) {
        try checkCount(refusals.count, of: "refusals", atMost: StoreLimit.batchRows)
        for refusal in refusals { try refusal.check() }
        try await write { transaction, _ in
            try transaction.executeAll(
                "INSERT INTO refusal (\(RefusalRow.columns)) VALUES ($1, $2, $3, $4, $5, $6)", refusals.map(\.values))
            try transaction.execute(
                "DELETE FROM refusal WHERE sequence <= (SELECT max(sequence) FROM refusal) - $1",
                [.integer(StoreLimit.refusals)])
        }
    }

    package func refusals(limit: Int) async throws(StoreFailure) -> [RefusalRow] {
        let sql = "SELECT \(RefusalRow.columns) FROM refusal ORDER BY sequence DESC LIMIT $1"
        return try await list(sql, [.integer(pageLimit(limit))]) { row in try RefusalRow(&row) }
    }
}

/// The registration of a name and an epoch while its lease runs: `$1` is the present, `$2` the name, then the epoch.
private let ownLease = """
    name = $2 AND generation = $3 AND timeline = $4 AND counter = $5 AND lease_ends > \(present("$1"))
    """

/// Sessions of workers that end now are kept for their peers to go on with; those that nobody went on with are dropped.
/// `workers` is a condition on `worker` with `parameters`, the first of which is the present.
private func retireSessions(
    of workers: String, _ parameters: [PostgresValue], in transaction: PostgresTransaction
) throws {
    let ends = "\(present("$1")) + \(StoreLimit.sessionAfterlife.wholeMilliseconds)"
    try transaction.execute(
        """
        UPDATE session SET ends = \(ends)
        WHERE ends IS NULL AND worker IN (SELECT name FROM worker WHERE \(workers))
        """, parameters)
    try transaction.execute("DELETE FROM session WHERE ends <= \(present("$1"))", [parameters[0]])
}

/// Forgets the oldest names of workers that joined and are gone, so that restarts leave no row for ever. Their ids are
/// never given again.
private func forgetJoined(in transaction: PostgresTransaction) throws {
    try transaction.execute(
        """
        DELETE FROM worker_name WHERE name ~ '-[a-z2-7]{12}$' AND id NOT IN (SELECT id FROM worker)
        AND id <= (SELECT max(id) FROM worker_name) - $1
        """, [.integer(StoreLimit.joinedWorkerNames)])
}

/// Throws `.leaseLost` unless the registration stands; then it stands until the transaction ends.
func requireLease(
    _ name: String, _ epoch: WorkerEpoch, _ now: PostgresValue, in transaction: PostgresTransaction
) throws {
    // A key share: a renewal may go on beside it, a registration that would replace the row waits.
    let rows = try transaction.execute(
        "SELECT id FROM worker WHERE \(ownLease) FOR KEY SHARE", [now, .text(name)] + epoch.values)
    guard rows.count == 1 else { throw StoreFailure.leaseLost }
}
