import GateModel
import GateSession
import GateStore
import GateTransport
import Logging
import Synchronization

/// Keeps this worker's lease and writes down what it saw: sessions, refusals, peers, faults. Everything is queued within
/// a bound while the database is away.
final class WorkerRegistry: Sendable {
    private struct State {
        var row: WorkerRow
        var refusals: [RefusalRow] = []
        var sightings = SightingNotes()
        var sessions = SessionNotes()
        /// Whether it is time to write more than sessions.
        var isRoundDue = false
        /// Whether all sessions are to be written down again.
        var isToNoteAll = false
        /// Whether somebody writes what waits.
        var isRunning = false
        /// Whether the worker ends: its registration is given back, and no other is asked for.
        var isEnding = false
        /// Whether the worker drains and its row, which is new, does not say so yet.
        var owesDrain = false
        /// Whether the worker is registering anew: once, however many are told at the same time that the lease is lost.
        var isRegistering = false
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
    /// Whether the worker drains.
    private let isDraining: @Sendable () -> Bool
    private let health: WorkerHealth
    private let charges: ChargeLedger
    private let backlog: NoteBacklog
    private let renewalInterval: Duration
    /// Moments to write: one waits at most.
    private let dues: AsyncStream<Void>
    private let due: AsyncStream<Void>.Continuation

    /// Refusals, and sightings, that wait for the database; later ones are dropped.
    static let notesMax = 10_000
    /// Batches of sessions that are written before anything else has its turn.
    static let sessionBatchesMax = 64
    /// Pause before it is looked again whether a session is written down.
    static let unwrittenPause = Duration.milliseconds(20)
    /// How often notes are written; those of sessions sooner, where somebody asks for it.
    static let interval = Duration.milliseconds(500)
    /// Pause after each writing, however many ask for the next: what came meanwhile goes in one. Short, since the sessions
    /// that came are lost with the worker until they are written down.
    static let writePause = Duration.milliseconds(30)
    /// How long the database is asked again whether a session may go on.
    static let resumePatience = Duration.seconds(5)
    /// Pause before it is.
    static let resumePause = Duration.milliseconds(200)
    /// How long giving the registration back may take; then its lease runs out by itself.
    static let endPatience = Duration.seconds(1)

    init(
        store: any KernelStore, kernel: KernelState, row: WorkerRow, lease: Duration, health: WorkerHealth,
        logger: Logger, load: @escaping @Sendable () -> WorkerLoad,
        drain: @escaping @Sendable (Bool) async -> Void, isDraining: @escaping @Sendable () -> Bool,
        impostor: @escaping @Sendable (NodeUUID) -> Void
    ) {
        self.store = store
        self.kernel = kernel
        self.lease = lease
        self.health = health
        renewalInterval = min(lease / 3, WorkerHealth.databaseSilenceMax / 3)
        self.logger = logger
        self.load = load
        self.drain = drain
        self.isDraining = isDraining
        charges = ChargeLedger(store: store, logger: logger)
        backlog = NoteBacklog(logger: logger)
        self.impostor = impostor
        state = Mutex(State(row: row))
        (dues, due) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// The registration that this worker writes under.
    var row: WorkerRow { state.withLock(\.row) }

    /// Has all sessions written down again, as after a lost lease.
    func noteAllAgain() {
        state.withLock { $0.isToNoteAll = true }
        writeSoon()
    }

    /// Has what was noted written at once.
    func writeSoon() { due.yield() }

    func note(_ refusal: RefusalRow) {
        let isKept = state.withLock { keep([refusal], in: &$0.refusals) }
        if !isKept { backlog.dropped(.refusals) }
    }

    func note(_ sighting: PeerSighting) {
        let isKept = state.withLock { $0.sightings.add(sighting) }
        if !isKept { backlog.dropped(.peers) }
    }

    /// Takes points off a reputation; with `atOnce` it is written without waiting for the next round.
    func charge(_ subject: AccessSubject, points: Int, atOnce: Bool) {
        charges.charge(subject, points: points)
        if atOnce { kernel.spawn { [charges] in await charges.write() } }
    }

    /// Renews and writes until cancelled.
    func run() async {
        state.withLock { $0.isRunning = true }
        defer { state.withLock { $0.isRunning = false } }
        await withTaskGroup { group in
            group.addTask { [self] in
                while !Task.isCancelled {
                    state.withLock { $0.isRoundDue = true }
                    writeSoon()
                    try? await Task.sleep(for: WorkerRegistry.interval)
                }
            }
            var nextRenewal = ContinuousClock.now
            for await _ in dues {
                if ContinuousClock.now >= nextRenewal {
                    await renew()
                    nextRenewal = .now + renewalInterval
                }
                let isRound = state.withLock { state in
                    defer { state.isRoundDue = false }
                    return state.isRoundDue
                }
                if isRound { await write() } else { await writeSessions() }
                try? await Task.sleep(for: WorkerRegistry.writePause)
            }
            group.cancelAll()
        }
    }

    /// Takes a session over on its peer's proof.
    func resume(_ proof: ResumptionProof, with peer: NodeUUID, secret: [UInt8]) async -> Takeover {
        let shown = SessionProof(code: proof.code, handshakeHash: proof.handshakeHash)
        let deadline = ContinuousClock.now + WorkerRegistry.resumePatience
        while !Task.isCancelled {
            guard ContinuousClock.now < deadline else { return .unanswered }
            guard !isUnwritten(proof.session) else {
                // It stood here a moment ago: what its peer proves is not in the database yet.
                writeSoon()
                try? await Task.sleep(for: WorkerRegistry.unwrittenPause)
                continue
            }
            let row = row
            let takeover = SessionTakeover(
                id: proof.session, peer: peer, worker: row.registration.name, workerEpoch: row.epoch, secret: secret)
            do {
                return .accepted(try await store.resumeSession(takeover, proof: shown))
            } catch .leaseLost {
                await renew()
            } catch .unavailable {
                logger.debug("A session waits for the database to go on", metadata: ["session": "\(proof.session)"])
            } catch {
                logger.info(
                    "The database lets a session not go on",
                    metadata: ["session": "\(proof.session)", "reason": "\(error)"])
                return .refused
            }
            try? await Task.sleep(for: WorkerRegistry.resumePause)
        }
        return .unanswered
    }

    /// What came of asking for a session.
    enum Takeover {
        /// It is this worker's, at that epoch.
        case accepted(SessionEpoch)
        /// It may not go on with what was shown.
        case refused
        /// The database did not answer: it may be this worker's, or go on elsewhere.
        case unanswered
    }

    /// Sessions that stand and that the database has not heard of.
    var unwrittenSessions: Set<SessionID> {
        kernel.notedSessions.union(state.withLock { $0.sessions.opened })
    }

    private func isUnwritten(_ id: SessionID) -> Bool {
        kernel.hasNote(of: id) || state.withLock { $0.sessions.holds(id) }
    }

    /// Returns once all sessions are written down, nobody writes any more, or the patience for it is over.
    func settled() async {
        let end = ContinuousClock.now + WorkerRegistry.endPatience
        while ContinuousClock.now < end {
            let (isRunning, isEmpty) = state.withLock { ($0.isRunning, $0.sessions.isEmpty) }
            guard isRunning, kernel.hasNotes || !isEmpty else { return }
            writeSoon()
            try? await Task.sleep(for: WorkerRegistry.unwrittenPause)
        }
    }

    /// Writes what is left and gives the registration back, for good.
    func end() async {
        state.withLock { $0.isEnding = true }
        await withTaskGroup { group in
            group.addTask {
                await self.write()
                let row = self.row
                try? await self.store.removeWorker(row.registration.name, epoch: row.epoch)
            }
            group.addTask { try? await Task.sleep(for: WorkerRegistry.endPatience) }
            await group.next()
            group.cancelAll()
        }
    }

    /// Renews the lease and learns whether the worker drains.
    func renew() async {
        let (row, isEnding) = state.withLock { ($0.row, $0.isEnding) }
        guard !isEnding else { return }
        do {
            let renewed = try await store.renewWorker(
                row.registration.name, epoch: row.epoch, load: load(), lease: lease)
            state.withLock { if $0.row.epoch == row.epoch { $0.row = renewed } }
            health.heard(at: SystemClock.now())
            await drain(try await drains(renewed))
        } catch .leaseLost {
            await register(again: row)
        } catch {
            logger.warning("The lease could not be renewed", metadata: ["error": "\(error)"])
        }
    }

    /// Whether the worker drains: as its row says, unless that is to be told first.
    private func drains(_ row: WorkerRow) async throws(StoreFailure) -> Bool {
        guard state.withLock(\.owesDrain) else { return row.isDraining }
        try await store.setDraining(row.registration.name, true)
        state.withLock { $0.owesDrain = false }
        return true
    }

    private func register(again lost: WorkerRow) async {
        let isFirst = state.withLock { state in
            guard !state.isRegistering, !state.isEnding, state.row.epoch == lost.epoch else { return false }
            state.isRegistering = true
            return true
        }
        guard isFirst else { return }
        defer { state.withLock { $0.isRegistering = false } }
        do {
            let row = try await store.registerWorker(lost.registration, lease: lease)
            let isDraining = isDraining()
            let isEnding = state.withLock { state in
                state.row = row
                state.owesDrain = isDraining
                return state.isEnding
            }
            // Given back meanwhile, as the lost one: nobody would give this one back.
            if isEnding { return try await store.removeWorker(row.registration.name, epoch: row.epoch) }
            noteAllAgain()
            health.heard(at: SystemClock.now())
            logger.notice("The lease was lost; registered again")
        } catch {
            logger.warning("The worker could not register again", metadata: ["error": "\(error)"])
        }
    }

    private func write() async {
        await charges.write()
        await writeSessions()
        await writeRefusals()
        await writeSightings()
    }

    /// Only ever in one task at a time: what is over when all are gathered is taken from the kernel afterwards.
    private func gatherSessions() async {
        if state.withLock(\.isToNoteAll) {
            state.withLock { $0.isToNoteAll = false }
            let secrets = await kernel.resumptionSecrets()
            let notes = kernel.sessionNotes(with: secrets)
            state.withLock { $0.sessions.add(opened: notes, closed: []) }
        }
        let notes = kernel.takeSessionNotes()
        state.withLock { $0.sessions.add(opened: notes.opened, closed: notes.closed) }
    }

    private func writeSessions() async {
        await gatherSessions()
        for _ in 0..<WorkerRegistry.sessionBatchesMax {
            let (row, batch) = state.withLock { ($0.row, $0.sessions.takeBatch(limit: StoreLimit.batchRows)) }
            guard let batch else { break }
            let written = await attempt(.sessions) {
                let superseded = try await store.noteSessions(
                    of: row.registration.name, epoch: row.epoch, opened: Array(batch.opened.values),
                    closed: Array(batch.closed))
                kernel.superseded(
                    superseded.compactMap { id in
                        batch.opened[id].map { SessionStand(id: id, epoch: $0.row.epoch) }
                    })
            }
            state.withLock { $0.sessions.settled(isWritten: written) }
            guard written else { return }
        }
        await retireLost()
    }

    /// Rows of sessions that are over and were not kept in mind go an hour after the worker registered anew.
    private func retireLost() async {
        guard state.withLock(\.sessions.hasLost) else { return }
        state.withLock { $0.sessions.hasLost = false }
        backlog.dropped(.sessions)
        await register(again: row)
    }

    /// All that waited when it began; between batches sessions have their turn.
    private func writeRefusals() async {
        var left = state.withLock(\.refusals.count)
        while left > 0 {
            let batch = state.withLock { Array($0.refusals.prefix(min(left, StoreLimit.batchRows))) }
            guard !batch.isEmpty, await attempt(.refusals, { try await store.noteRefusals(batch) }) else { return }
            state.withLock { $0.refusals.removeFirst(min(batch.count, $0.refusals.count)) }
            left -= batch.count
            if left > 0 { await writeSessions() }
        }
    }

    /// As ``writeRefusals()``.
    private func writeSightings() async {
        var rest = state.withLock { $0.sightings.take() }[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(StoreLimit.batchRows))
            let isWritten = await attempt(.peers) {
                for node in try await store.notePeers(batch) { impostor(node) }
            }
            guard isWritten else {
                let dropped = state.withLock { $0.sightings.putBack(rest) }
                if dropped > 0 { backlog.dropped(.peers) }
                return
            }
            rest = rest.dropFirst(batch.count)
            if !rest.isEmpty { await writeSessions() }
        }
    }

    private func attempt(_ kind: NoteBacklog.Kind, _ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            backlog.written(kind)
            return true
        } catch {
            backlog.waits(kind, "\(error)")
            return false
        }
    }
}

/// Appends within the bound; `false` where something had to be left out.
private func keep<Note>(_ notes: [Note], in queue: inout [Note]) -> Bool {
    let room = WorkerRegistry.notesMax - min(queue.count, WorkerRegistry.notesMax)
    queue += notes.prefix(room)
    return notes.count <= room
}
