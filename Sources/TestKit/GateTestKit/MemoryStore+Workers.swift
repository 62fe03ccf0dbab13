import GateModel
package import GateStore

extension MemoryStore: WorkerStore, RefusalStore {
    package func registerWorker(_ registration: WorkerRegistration, lease: Duration)
        async throws(StoreFailure) -> WorkerRow
    {
        try registration.check()
        let name = registration.name
        for worker in registered.values where worker.leaseEnds <= clock() {
            retireSessions(of: worker.registration.name)
        }
        let known = liveWorkers.filter { $0.registration.name != name }
        guard known.count < StoreLimit.workers else { throw .quotaExceeded }
        let id = try workerID(of: name)
        lastEpoch += 1
        let worker = Worker(
            registration: registration, id: id,
            epoch: WorkerEpoch(generation: 1, timeline: 0, counter: lastEpoch), load: WorkerLoad(), isDraining: false,
            leaseEnds: clock() + lease.wholeMilliseconds)
        registered[name] = worker
        retireSessions(of: name)
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
        retireSessions(of: name)
        await hub.publish([.changed(.workers, key: name)])
    }

    package func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure) {
        guard let worker = registered[name], worker.leaseEnds > clock() else { throw .notFound }
        registered[name]?.isDraining = isDraining
        await hub.publish([.changed(.workers, key: name)])
    }

    package func workers() -> [WorkerRow] { liveWorkers.map(row) }

    package func noteRefusals(_ refusals: [RefusalRow]) throws(StoreFailure) {
        try checkCount(refusals.count, of: "refusals", atMost: StoreLimit.batchRows)
        for refusal in refusals { try refusal.check() }
        self.refusals = (self.refusals + refusals).suffix(StoreLimit.refusals)
    }

    package func refusals(limit: Int) -> [RefusalRow] { refusals.suffix(pageLimit(limit)).reversed() }

    var liveWorkers: [Worker] {
        let now = clock()
        return registered.values.filter { $0.leaseEnds > now }.sorted { $0.registration.name < $1.registration.name }
    }

    func live(_ name: String, _ epoch: WorkerEpoch) throws(StoreFailure) -> Worker {
        guard let worker = registered[name], worker.epoch == epoch, worker.leaseEnds > clock() else { throw .leaseLost }
        return worker
    }

    /// Sessions of a worker that ends now are kept for their peers to go on with; those that nobody went on with go.
    private func retireSessions(of worker: String) {
        let now = clock()
        for id in sessions.keys where sessions[id]?.note.row.worker == worker && sessions[id]?.ends == nil {
            sessions[id]?.ends = now + StoreLimit.sessionAfterlife.wholeMilliseconds
        }
        sessions = sessions.filter { $0.value.ends.map { $0 > now } ?? true }
    }

    private func row(_ worker: Worker) -> WorkerRow {
        WorkerRow(
            registration: worker.registration, id: worker.id, epoch: worker.epoch, load: worker.load,
            isDraining: worker.isDraining, leaseLeft: .milliseconds(worker.leaseEnds - clock()))
    }
}
