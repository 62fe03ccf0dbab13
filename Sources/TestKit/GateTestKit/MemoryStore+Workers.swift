package import GateModel
package import GateStore

extension MemoryStore: WorkerStore, SessionStore, RefusalStore {
    package func registerWorker(_ registration: WorkerRegistration, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        try registration.check()
        let name = registration.name
        let known = liveWorkers.filter { $0.registration.name != name }
        guard known.count < StoreLimit.workers else { throw .quotaExceeded }
        let id = try workerID(of: name)
        lastEpoch += 1
        let worker = Worker(
            registration: registration, id: id,
            epoch: WorkerEpoch(generation: 1, timeline: 0, counter: lastEpoch), load: WorkerLoad(), isDraining: false,
            leaseEnds: clock() + lease.wholeMilliseconds)
        registered[name] = worker
        dropSessions(of: name)
        await hub.publish([.changed(.workers, key: name)])
        return row(worker)
    }

    package func renewWorker(_ name: String, epoch: WorkerEpoch, load: WorkerLoad, lease: Duration)
        throws(StoreFailure) -> WorkerRow
    {
        var worker = try live(name, epoch)
        worker.load = load
        worker.leaseEnds = clock() + lease.wholeMilliseconds
        registered[name] = worker
        return row(worker)
    }

    package func removeWorker(_ name: String, epoch: WorkerEpoch) async {
        guard registered[name]?.epoch == epoch else { return }
        registered[name] = nil
        dropSessions(of: name)
        await hub.publish([.changed(.workers, key: name)])
    }

    package func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure) {
        guard let worker = registered[name], worker.leaseEnds > clock() else { throw .notFound }
        registered[name]?.isDraining = isDraining
        await hub.publish([.changed(.workers, key: name)])
    }

    package func workers() -> [WorkerRow] { liveWorkers.map(row) }

    package func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionRow], closed: [SessionID])
        throws(StoreFailure)
    {
        try checkCount(opened.count + closed.count, of: "sessions", atMost: StoreLimit.batchRows)
        guard opened.allSatisfy({ $0.worker == worker }) else { throw .invalid("a session names another worker") }
        _ = try live(worker, epoch)
        for row in opened { sessions[row.id] = row }
        for id in closed where sessions[id]?.worker == worker { sessions[id] = nil }
    }

    package func sessions(after: SessionID?, limit: Int) -> [SessionRow] {
        let names = Set(liveWorkers.map(\.registration.name))
        let rows = sessions.values.filter { row in
            names.contains(row.worker) && (after.map { row.id.value > $0.value } ?? true)
        }
        return Array(rows.sorted { $0.id.value < $1.id.value }.prefix(pageLimit(limit)))
    }

    package func noteRefusals(_ refusals: [RefusalRow]) throws(StoreFailure) {
        try checkCount(refusals.count, of: "refusals", atMost: StoreLimit.batchRows)
        for refusal in refusals { try refusal.check() }
        self.refusals = (self.refusals + refusals).suffix(StoreLimit.refusals)
    }

    package func refusals(limit: Int) -> [RefusalRow] { refusals.suffix(pageLimit(limit)).reversed() }

    private var liveWorkers: [Worker] {
        let now = clock()
        return registered.values.filter { $0.leaseEnds > now }.sorted { $0.registration.name < $1.registration.name }
    }

    private func live(_ name: String, _ epoch: WorkerEpoch) throws(StoreFailure) -> Worker {
        guard let worker = registered[name], worker.epoch == epoch, worker.leaseEnds > clock() else { throw .leaseLost }
        return worker
    }

    private func dropSessions(of worker: String) { sessions = sessions.filter { $0.value.worker != worker } }

    private func row(_ worker: Worker) -> WorkerRow {
        WorkerRow(
            registration: worker.registration, id: worker.id, epoch: worker.epoch, load: worker.load,
            isDraining: worker.isDraining, leaseLeft: .milliseconds(worker.leaseEnds - clock()))
    }
}
