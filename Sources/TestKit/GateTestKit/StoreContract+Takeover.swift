import GateModel
package import GateStore

extension StoreContract {
    /// Promises about sessions that go on at another worker, for stores that are databases.
    package static func checkTakeover(_ store: any NodeStore, _ clock: ManualStoreClock) async throws {
        let first = try await store.registerWorker(one, lease: lease)
        let row = session(1, of: "kernel-1", peer: node(1))
        _ = try await store.noteSessions(
            of: "kernel-1", epoch: first.epoch, opened: [SessionNote(row: row, secret: [1])], closed: [])
        _ = try await store.noteSessions(
            of: "kernel-1", epoch: first.epoch, opened: [SessionNote(row: row)], closed: [])
        try await expect(store.heldSession(row.id)?.secret == [1], "a note without a secret leaves what is there")
        clock.advance(by: lease)
        let second = try await store.registerWorker(two, lease: lease)
        try await expect(store.heldSession(row.id)?.row == row, "a session outlives its worker's lease")

        let takeover = SessionTakeover(
            id: row.id, peer: node(1), worker: "kernel-2", workerEpoch: second.epoch, secret: [2])
        try await expect(.conflict) { _ = try await store.takeOver(takeover, from: 1) }
        let stranger = SessionTakeover(
            id: row.id, peer: node(2), worker: "kernel-2", workerEpoch: second.epoch, secret: [2])
        try await expect(.notProven) { _ = try await store.takeOver(stranger, from: 0) }
        let fenced = SessionTakeover(
            id: row.id, peer: node(1), worker: "kernel-1", workerEpoch: first.epoch, secret: [2])
        try await expect(.leaseLost) { _ = try await store.takeOver(fenced, from: 0) }
        try await expect(store.takeOver(takeover, from: 0) == 1, "the epoch rises by one")
        try await expect(.conflict) { _ = try await store.takeOver(takeover, from: 0) }
        let taken = session(1, of: "kernel-2", peer: node(1), epoch: 1)
        try await expect(store.heldSession(row.id) == SessionNote(row: taken, secret: [2]), "row and secret are new")
        try await expect(store.sessions(after: nil, limit: 10) == [taken], "listed at its new worker")

        let returned = try await store.registerWorker(one, lease: lease)
        let superseded = try await store.noteSessions(
            of: "kernel-1", epoch: returned.epoch, opened: [SessionNote(row: row)],
            closed: [SessionStand(id: row.id, epoch: 0)])
        try expect(superseded == [row.id], "the worker that woke up is told")
        try await expect(store.sessions(after: nil, limit: 10) == [taken], "and changed nothing")
        try await checkAfterlife(store, clock, taken, second)
        try await checkEnd(store, clock)
    }

    /// A session that ended where it was taken over does not come back by who had it before.
    private static func checkEnd(_ store: any NodeStore, _ clock: ManualStoreClock) async throws {
        let old = try await store.registerWorker(one, lease: lease)
        let new = try await store.registerWorker(two, lease: lease)
        let row = session(7, of: "kernel-1", peer: node(1))
        _ = try await store.noteSessions(
            of: "kernel-1", epoch: old.epoch, opened: [SessionNote(row: row, secret: [1])], closed: [])
        let takeover = SessionTakeover(
            id: row.id, peer: node(1), worker: "kernel-2", workerEpoch: new.epoch, secret: [2])
        let epoch = try await store.takeOver(takeover, from: 0)
        _ = try await store.noteSessions(
            of: "kernel-2", epoch: new.epoch, opened: [], closed: [SessionStand(id: row.id, epoch: epoch)])
        try await expect(store.heldSession(row.id) == nil, "nobody can go on with it")
        let superseded = try await store.noteSessions(
            of: "kernel-1", epoch: old.epoch, opened: [SessionNote(row: row, secret: [1])], closed: [])
        try expect(superseded == [row.id], "who had it before is told")
        try await expect(store.sessions(after: nil, limit: 10).isEmpty, "and it does not come back")
        let again = SessionNote(row: session(7, of: "kernel-2", peer: node(1), epoch: epoch), secret: [2])
        let refused = try await store.noteSessions(of: "kernel-2", epoch: new.epoch, opened: [again], closed: [])
        try expect(refused == [row.id], "nor by who ended it")
    }

    private static func checkAfterlife(
        _ store: any NodeStore, _ clock: ManualStoreClock, _ row: SessionRow, _ worker: WorkerRow
    ) async throws {
        try await store.removeWorker("kernel-2", epoch: worker.epoch)
        try await expect(store.heldSession(row.id)?.row == row, "a session outlives its worker's leaving")
        clock.advance(by: StoreLimit.sessionAfterlife)
        try await expect(store.heldSession(row.id) == nil, "but not for ever")
        let missing = SessionTakeover(
            id: row.id, peer: row.peer, worker: "kernel-1",
            workerEpoch: try await store.registerWorker(one, lease: lease).epoch, secret: [3])
        try await expect(.notFound) { _ = try await store.takeOver(missing, from: row.epoch) }
    }
}
