import GateModel
package import GateStore

extension StoreContract {
    /// Random workers that open, note, take over and close sessions, forget that they lost them, pause beyond their
    /// leases and come back: no write of a superseded epoch, of a session or of a worker, may have an effect.
    ///
    /// What the store must hold is kept beside it in a few lines; every answer and the rows at the end are compared.
    package static func checkHistory(_ store: any NodeStore, _ clock: ManualStoreClock, seed: UInt64) async throws {
        var history = SessionHistory(seed: seed)
        for _ in 0..<SessionHistory.stepCount { try await history.step(store, clock) }
        try await history.finish(store)
    }
}

/// What happened so far, and what follows from it.
private struct SessionHistory {
    static let stepCount = 60
    private static let workerCount = 3
    private static let sessionCount: UInt64 = 4

    /// A worker as it sees itself: what it believes to hold may long be somebody else's.
    private struct Worker {
        let name: String
        var row: WorkerRow?
        var held: [SessionID: UInt32] = [:]
    }

    /// What is true of a session.
    private struct Truth: Equatable {
        var epoch: UInt32
        /// Empty: the session ended.
        var worker: String
    }

    private var random: SeededRandom
    private let seed: UInt64
    private var workers = (1...workerCount).map { Worker(name: "kernel-\($0)") }
    /// The epoch of each worker's newest registration, and when its lease ends.
    private var registered: [String: (epoch: WorkerEpoch, ends: Int64)] = [:]
    private var truth: [SessionID: Truth] = [:]

    init(seed: UInt64) {
        self.seed = seed
        random = SeededRandom(seed: seed)
    }

    mutating func step(_ store: any NodeStore, _ clock: ManualStoreClock) async throws {
        let index = Int(draw(UInt64(workers.count)))
        guard let row = workers[index].row else { return try await register(index, store, clock) }
        switch draw(10) {
        case 0: try await register(index, store, clock)
        case 1: clock.advance(by: StoreContract.lease + .seconds(1))  // everybody was away beyond its lease
        case 2: try await renew(index, row, store, clock)
        case 3...5: try await note(index, row, store, clock)
        case 6: try await close(index, row, store, clock)
        default: try await takeOver(index, row, store, clock)
        }
    }

    /// The rows are what is true.
    func finish(_ store: any NodeStore) async throws {
        for (id, truth) in truth {
            let row = try await store.heldSession(id)?.row
            let isRight =
                truth.worker.isEmpty ? row == nil : row?.epoch == truth.epoch && row?.worker == truth.worker
            try StoreContract.expect(
                isRight,
                "seed \(seed): \(id) is at \(truth), the store says \(String(describing: row))")
        }
    }

    // MARK: Steps

    private mutating func register(_ index: Int, _ store: any NodeStore, _ clock: ManualStoreClock) async throws {
        let name = workers[index].name
        let row = try await store.registerWorker(
            WorkerRegistration(name: name, linkAddress: "", adminAddress: ""), lease: StoreContract.lease)
        if let before = registered[name] {
            try StoreContract.expect(row.epoch > before.epoch, "seed \(seed): epochs of registrations rise")
        }
        registered[name] = (row.epoch, clock.read() + StoreContract.lease.wholeMilliseconds)
        // One in two forgets what it held, as a new process does; another goes on as if nothing had been.
        workers[index].row = row
        if draw(2) == 0 { workers[index].held = [:] }
    }

    private mutating func renew(
        _ index: Int, _ row: WorkerRow, _ store: any NodeStore, _ clock: ManualStoreClock
    ) async throws {
        let name = row.registration.name
        let renewed = try await write(index, clock) {
            try await store.renewWorker(name, epoch: row.epoch, load: WorkerLoad(), lease: StoreContract.lease)
        }
        guard let renewed else { return loses(index) }
        try StoreContract.expect(renewed.epoch == row.epoch, "seed \(seed): a renewal keeps the epoch")
        registered[name]?.ends = clock.read() + StoreContract.lease.wholeMilliseconds
    }

    private mutating func note(
        _ index: Int, _ row: WorkerRow, _ store: any NodeStore, _ clock: ManualStoreClock
    ) async throws {
        var worker = workers[index]
        let fresh = SessionID(UUIDBytes(high: draw(Self.sessionCount) + 1, low: 1))
        if truth[fresh] == nil { worker.held[fresh] = 0 }
        let opened = worker.held.map { id, epoch in
            SessionNote(row: Self.row(id, epoch, worker.name), secret: [UInt8(truncatingIfNeeded: epoch)])
        }
        let superseded = try await write(index, clock) { [name = worker.name] in
            try await store.noteSessions(of: name, epoch: row.epoch, opened: opened, closed: [])
        }
        guard let superseded else { return loses(index) }
        for (id, epoch) in worker.held {
            let isOld = truth[id].map { $0.epoch > epoch || ($0.epoch == epoch && $0.worker != worker.name) } ?? false
            try StoreContract.expect(
                superseded.contains(id) == isOld, "seed \(seed): \(id) at \(epoch) of \(worker.name) is told as it is")
            if isOld { worker.held[id] = nil } else { truth[id] = Truth(epoch: epoch, worker: worker.name) }
        }
        workers[index] = worker
    }

    /// A worker closes a session that it believes to hold.
    private mutating func close(
        _ index: Int, _ row: WorkerRow, _ store: any NodeStore, _ clock: ManualStoreClock
    ) async throws {
        let held = workers[index].held.sorted { $0.key.value < $1.key.value }
        guard !held.isEmpty else { return }
        let (id, epoch) = held[Int(draw(UInt64(held.count)))]
        let written = try await write(index, clock) {
            try await store.noteSessions(
                of: row.registration.name, epoch: row.epoch, opened: [], closed: [SessionStand(id: id, epoch: epoch)])
        }
        guard written != nil else { return loses(index) }
        workers[index].held[id] = nil
        guard truth[id] == Truth(epoch: epoch, worker: row.registration.name) else { return }
        truth[id] = epoch == 0 ? nil : Truth(epoch: epoch, worker: "")
    }

    private mutating func takeOver(
        _ index: Int, _ row: WorkerRow, _ store: any NodeStore, _ clock: ManualStoreClock
    ) async throws {
        let known = truth.keys.sorted { $0.value < $1.value }
        guard !known.isEmpty else { return }
        let id = known[Int(draw(UInt64(known.count)))]
        guard let now = truth[id] else { return }
        // One in three goes by an epoch that was.
        let asked = draw(3) == 0 && now.epoch > 0 ? now.epoch - 1 : now.epoch
        let takeover = SessionTakeover(
            id: id, peer: StoreContract.node(9), worker: row.registration.name, workerEpoch: row.epoch, secret: [1])
        let taken = try await write(index, clock) { () async throws -> UInt32? in
            do {
                return try await store.takeOver(takeover, from: asked)
            } catch StoreFailure.conflict {
                return nil
            } catch StoreFailure.notFound where now.worker.isEmpty {
                return nil
            }
        }
        guard let taken else { return loses(index) }
        try StoreContract.expect(
            (taken == nil) == (asked != now.epoch || now.worker.isEmpty),
            "seed \(seed): an old epoch and a session that ended are not taken over, the newest is")
        guard let epoch = taken else { return }
        try StoreContract.expect(epoch == now.epoch + 1, "seed \(seed): a takeover raises the epoch by one")
        truth[id] = Truth(epoch: epoch, worker: row.registration.name)
        workers[index].held[id] = epoch
    }

    /// Does a write of a worker; `nil` where it was refused because its registration is not the newest or ran out, as
    /// it must be then and only then.
    private func write<Value>(
        _ index: Int, _ clock: ManualStoreClock, _ body: () async throws -> Value
    ) async throws -> Value? {
        let worker = workers[index]
        let newest = registered[worker.name]
        let mayWrite = newest.map { $0.epoch == worker.row?.epoch && $0.ends > clock.read() } ?? false
        do {
            let value = try await body()
            try StoreContract.expect(mayWrite, "seed \(seed): a fenced worker wrote")
            return value
        } catch StoreFailure.leaseLost {
            try StoreContract.expect(!mayWrite, "seed \(seed): the newest registration was refused")
            return nil
        }
    }

    /// A worker that was refused learns it, or tries again without having learnt.
    private mutating func loses(_ index: Int) { if draw(2) == 0 { workers[index].row = nil } }

    private mutating func draw(_ count: UInt64) -> UInt64 { UInt64.random(in: 0..<count, using: &random) }

    private static func row(_ id: SessionID, _ epoch: UInt32, _ worker: String) -> SessionRow {
        SessionRow(
            id: id, epoch: epoch, peer: StoreContract.node(9), worker: worker, isRelayed: false, isInbound: true,
            since: UnixTime(seconds: 1))
    }
}
