import GateModel
import GateStore
import GateTransport
import Logging
import Synchronization

/// Keeps this worker's lease and writes down what it saw: sessions, refusals, peers. Everything is queued within a
/// bound while the database is away.
final class WorkerRegistry: Sendable {
    private struct State {
        var row: WorkerRow
        var refusals: [RefusalRow] = []
        var sightings: [PeerSighting] = []
        var opened: [SessionRow] = []
        var closed: [SessionID] = []
    }

    private let store: any KernelStore
    private let kernel: KernelState
    private let lease: Duration
    private let logger: Logger
    private let state: Mutex<State>
    /// Told of UUIDs whose identity bundle is not the one that was pinned.
    private let impostor: @Sendable (NodeUUID) -> Void
    private let load: @Sendable () -> WorkerLoad
    /// Told whether the database says that this worker drains.
    private let drain: @Sendable (Bool) async -> Void
    private let health: WorkerHealth
    private let renewalInterval: Duration

    /// Notes of one kind that wait for the database; later ones are dropped.
    static let notesMax = 10_000
    /// How often notes are written.
    static let interval = Duration.milliseconds(500)
    /// How long giving the registration back may take; then its lease runs out by itself.
    static let endPatience = Duration.seconds(1)

    init(
        store: any KernelStore, kernel: KernelState, row: WorkerRow, lease: Duration, health: WorkerHealth,
        logger: Logger, load: @escaping @Sendable () -> WorkerLoad,
        drain: @escaping @Sendable (Bool) async -> Void, impostor: @escaping @Sendable (NodeUUID) -> Void
    ) {
        self.store = store
        self.kernel = kernel
        self.lease = lease
        self.health = health
        renewalInterval = min(lease / 3, WorkerHealth.databaseSilenceMax / 3)
        self.logger = logger
        self.load = load
        self.drain = drain
        self.impostor = impostor
        state = Mutex(State(row: row))
    }

    func note(_ refusal: RefusalRow) {
        state.withLock { if $0.refusals.count < WorkerRegistry.notesMax { $0.refusals.append(refusal) } }
    }

    func note(_ sighting: PeerSighting) {
        state.withLock { if $0.sightings.count < WorkerRegistry.notesMax { $0.sightings.append(sighting) } }
    }

    /// Renews and writes until cancelled.
    func run() async {
        var nextRenewal = ContinuousClock.now
        while !Task.isCancelled {
            if ContinuousClock.now >= nextRenewal {
                await renew()
                nextRenewal = .now + renewalInterval
            }
            await write()
            try? await Task.sleep(for: WorkerRegistry.interval)
        }
    }

    /// Writes what is left and gives the registration back.
    func end() async {
        await withTaskGroup { group in
            group.addTask {
                await self.write()
                let row = self.state.withLock(\.row)
                try? await self.store.removeWorker(row.registration.name, epoch: row.epoch)
            }
            group.addTask { try? await Task.sleep(for: WorkerRegistry.endPatience) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Renews the lease and learns whether the worker drains.
    func renew() async {
        let row = state.withLock(\.row)
        do {
            let renewed = try await store.renewWorker(
                row.registration.name, epoch: row.epoch, load: load(), lease: lease)
            state.withLock { $0.row = renewed }
            health.heard(at: SystemClock.now())
            await drain(renewed.isDraining)
        } catch .leaseLost {
            await register(again: row.registration)
        } catch {
            logger.warning("The lease could not be renewed", metadata: ["error": "\(error)"])
        }
    }

    private func register(again registration: WorkerRegistration) async {
        do {
            let row = try await store.registerWorker(registration, lease: lease)
            state.withLock { state in
                state.row = row
                state.opened = kernel.sessionRows
            }
            health.heard(at: SystemClock.now())
            logger.notice("The lease was lost; registered again")
        } catch {
            logger.warning("The worker could not register again", metadata: ["error": "\(error)"])
        }
    }

    private func write() async {
        let notes = kernel.takeSessionNotes()
        let batch = state.withLock { state in
            state.opened += notes.opened.prefix(
                WorkerRegistry.notesMax - min(state.opened.count, WorkerRegistry.notesMax))
            state.closed += notes.closed.prefix(
                WorkerRegistry.notesMax - min(state.closed.count, WorkerRegistry.notesMax))
            return state
        }
        await writeSessions(batch)
        await writeRefusals(batch)
        await writeSightings(batch)
    }

    private func writeSessions(_ batch: State) async {
        guard !batch.opened.isEmpty || !batch.closed.isEmpty else { return }
        let opened = Array(batch.opened.prefix(StoreLimit.batchRows))
        let closed = Array(batch.closed.prefix(StoreLimit.batchRows - min(opened.count, StoreLimit.batchRows - 1)))
        let written = await attempt("sessions") {
            try await store.noteSessions(
                of: batch.row.registration.name, epoch: batch.row.epoch, opened: opened, closed: closed)
        }
        guard written else { return }
        state.withLock {
            $0.opened.removeFirst(min(opened.count, $0.opened.count))
            $0.closed.removeFirst(min(closed.count, $0.closed.count))
        }
    }

    private func writeRefusals(_ batch: State) async {
        let refusals = Array(batch.refusals.prefix(StoreLimit.batchRows))
        guard !refusals.isEmpty else { return }
        guard await attempt("refusals", { try await store.noteRefusals(refusals) }) else { return }
        state.withLock { $0.refusals.removeFirst(min(refusals.count, $0.refusals.count)) }
    }

    private func writeSightings(_ batch: State) async {
        let sightings = Array(batch.sightings.prefix(StoreLimit.batchRows))
        guard !sightings.isEmpty else { return }
        let written = await attempt("peers") {
            for node in try await store.notePeers(sightings) { impostor(node) }
        }
        guard written else { return }
        state.withLock { $0.sightings.removeFirst(min(sightings.count, $0.sightings.count)) }
    }

    private func attempt(_ what: String, _ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return true
        } catch {
            logger.warning("Notes wait for the database", metadata: ["notes": "\(what)", "error": "\(error)"])
            return false
        }
    }
}
