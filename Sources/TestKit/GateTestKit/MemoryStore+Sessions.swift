package import GateModel
import GateSession
package import GateStore

extension MemoryStore: SessionStore, SessionKeeper {
    struct HeldSession {
        var note: SessionNote
        /// When the row is dropped: set once its worker ended.
        var ends: Int64?
    }

    /// How the store answers about sessions.
    package enum SessionAnswers: Sendable {
        case all
        /// Nothing is done: the database is away.
        case none
        /// Takeovers are carried out, and their answers lost.
        case lostTakeovers
    }

    /// Has the store answer so from now on.
    package func answerAboutSessions(_ answers: SessionAnswers) { sessionAnswers = answers }

    /// Forgets all sessions, as a database that was restored.
    package func loseSessions() { sessions = [:] }

    package func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand])
        throws(StoreFailure) -> [SessionID]
    {
        if case .none = sessionAnswers { throw .unavailable }
        try opened.check(of: worker, closed: closed)
        _ = try live(worker, epoch)
        let superseded = opened.filter { !write($0) }.map(\.row.id)
        for session in closed {
            guard let row = sessions[session.id]?.note.row, row.worker == worker, row.epoch == session.epoch else {
                continue
            }
            sessions[session.id] = row.epoch == 0 ? nil : MemoryStore.remains(of: row, at: clock())
        }
        return superseded
    }

    /// What a session leaves that was taken over: its epoch, for those that had it before.
    private static func remains(of row: SessionRow, at now: Int64) -> HeldSession {
        let over = SessionRow(
            id: row.id, epoch: row.epoch, peer: row.peer, worker: "", isRelayed: row.isRelayed,
            isInbound: row.isInbound, since: row.since)
        return HeldSession(
            note: SessionNote(row: over), ends: now + StoreLimit.sessionAfterlife.wholeMilliseconds)
    }

    package func heldSession(_ id: SessionID) -> SessionNote? {
        guard let held = sessions[id], !held.note.row.worker.isEmpty, held.ends.map({ $0 > clock() }) ?? true else {
            return nil
        }
        return held.note
    }

    package func takeOver(_ takeover: SessionTakeover, from epoch: UInt32) throws(StoreFailure) -> UInt32 {
        try takeover.check()
        _ = try live(takeover.worker, takeover.workerEpoch)
        guard let row = heldSession(takeover.id)?.row else { throw .notFound }
        guard row.peer == takeover.peer else { throw .notProven }
        guard row.epoch == epoch, epoch < .max else { throw .conflict }
        let taken = SessionRow(
            id: row.id, epoch: epoch + 1, peer: row.peer, worker: takeover.worker, isRelayed: row.isRelayed,
            isInbound: row.isInbound, since: row.since)
        sessions[row.id] = HeldSession(note: SessionNote(row: taken, secret: takeover.secret))
        return taken.epoch
    }

    package func sessions(after: SessionID?, limit: Int) -> [SessionRow] {
        let names = Set(liveWorkers.map(\.registration.name))
        let rows = sessions.values.filter { held in
            held.ends == nil && names.contains(held.note.row.worker)
                && (after.map { held.note.row.id.value > $0.value } ?? true)
        }.map(\.note.row)
        return Array(rows.sorted { $0.id.value < $1.id.value }.prefix(pageLimit(limit)))
    }

    /// As a vault does, but that the secrets lie open: this is memory.
    package func resumeSession(_ takeover: SessionTakeover, proof: SessionProof) throws(StoreFailure) -> UInt32 {
        if case .none = sessionAnswers { throw .unavailable }
        guard let held = heldSession(takeover.id) else { throw .notFound }
        if held.row.worker == takeover.worker, held.row.peer == takeover.peer, held.secret == takeover.secret {
            _ = try live(takeover.worker, takeover.workerEpoch)
            return held.row.epoch
        }
        let shown = ResumptionProof(session: takeover.id, code: proof.code, handshakeHash: proof.handshakeHash)
        guard !held.secret.isEmpty, held.secret.withUnsafeBytes({ shown.isMade(with: $0) }) else { throw .notProven }
        let epoch = try takeOver(takeover, from: held.row.epoch)
        if case .lostTakeovers = sessionAnswers { throw .unavailable }
        return epoch
    }

    /// Whether the worker that holds the session is there.
    private func isHeld(_ id: SessionID) -> Bool {
        guard let held = sessions[id], held.ends == nil else { return false }
        return liveWorkers.contains { $0.registration.name == held.note.row.worker }
    }

    private func write(_ note: SessionNote) -> Bool {
        guard let old = sessions[note.row.id]?.note else {
            sessions[note.row.id] = HeldSession(note: note)
            return true
        }
        let isOwn = old.row.worker == note.row.worker
        guard isOwn ? old.row.epoch <= note.row.epoch : old.row.epoch < note.row.epoch && !isHeld(note.row.id)
        else { return false }
        let secret = note.secret.isEmpty ? old.secret : note.secret
        sessions[note.row.id] = HeldSession(note: SessionNote(row: note.row, secret: secret))
        return true
    }
}
