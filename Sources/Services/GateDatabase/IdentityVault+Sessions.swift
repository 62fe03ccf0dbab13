import GateCrypto
package import GateModel
import GateSession
package import GateStore

/// Keeps the resumption secrets of all workers' sessions, sealed: no worker can go on with another's session unless the
/// session's peer proves that it wants to.
extension IdentityVault: SessionKeeper {
    package func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand])
        async throws(StoreFailure) -> [SessionID]
    {
        var sealed: [SessionNote] = []
        sealed.reserveCapacity(opened.count)
        for note in opened { sealed.append(SessionNote(row: note.row, secret: try seal(note.secret, of: note.row.id))) }
        return try await store.noteSessions(of: worker, epoch: epoch, opened: sealed, closed: closed)
    }

    package func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow] {
        try await store.sessions(after: after, limit: limit)
    }

    package func resumeSession(_ takeover: SessionTakeover, proof: SessionProof) async throws(StoreFailure) -> UInt32 {
        guard let held = try await store.heldSession(takeover.id) else { throw .notFound }
        guard !held.secret.isEmpty, !takeover.secret.isEmpty else { throw .notProven }
        let shown = ResumptionProof(session: takeover.id, code: proof.code, handshakeHash: proof.handshakeHash)
        let secret = try opened(held)
        if takeover.repeats(held.row, secret) { return try await confirm(held.row, takeover.workerEpoch) }
        guard secret.withUnsafeBytes({ shown.isMade(with: $0) }) else { throw .notProven }
        let sealed = SessionTakeover(
            id: takeover.id, peer: takeover.peer, worker: takeover.worker, workerEpoch: takeover.workerEpoch,
            secret: try seal(takeover.secret, of: takeover.id))
        // The compare-and-set on the epoch makes the secret that the proof was made with serve once.
        return try await store.takeOver(sealed, from: held.row.epoch)
    }

    /// The answer to a takeover that was carried out and is asked again, since its answer was lost: the worker's lease is
    /// checked as it was then.
    private func confirm(_ row: SessionRow, _ epoch: WorkerEpoch) async throws(StoreFailure) -> UInt32 {
        let superseded = try await store.noteSessions(
            of: row.worker, epoch: epoch, opened: [SessionNote(row: row)], closed: [])
        guard superseded.isEmpty else { throw .conflict }
        return row.epoch
    }

    private func seal(_ secret: [UInt8], of session: SessionID) throws(StoreFailure) -> [UInt8] {
        guard !secret.isEmpty else { return [] }
        guard secret.count == ResumptionProof.secretBytes else {
            throw .invalid("a resumption secret has \(ResumptionProof.secretBytes) bytes")
        }
        do { return try Vault.seal(secret, label: .vaultResumption, context: session.value.bytes, with: key) } catch {
            throw .unavailable
        }
    }

    private func opened(_ held: SessionNote) throws(StoreFailure) -> GuardedSecret {
        do {
            return try Vault.open(
                held.secret, label: .vaultResumption, context: held.row.id.value.bytes, with: key)
        } catch {
            switch error {
            // Another vault key sealed it: a restored database, say. It opens for nobody.
            case .notAuthentic, .malformed: throw .notProven
            case .memory: throw .unavailable
            }
        }
    }
}

extension SessionTakeover {
    /// Whether the row is what this very takeover made of it: nobody else knows the secret of the worker's new connection.
    fileprivate func repeats(_ row: SessionRow, _ held: GuardedSecret) -> Bool {
        guard row.worker == worker, row.peer == peer else { return false }
        return held.withUnsafeBytes { held in secret.withUnsafeBytes { Sodium.areEqual(held, $0) } }
    }
}
