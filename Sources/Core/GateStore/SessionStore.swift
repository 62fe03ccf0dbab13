package import GateModel

/// A session as `status` shows it.
package struct SessionRow: Sendable, Equatable {
    package let id: SessionID
    /// How often it was taken over; what a holder of a lower one writes is refused.
    package let epoch: UInt32
    /// Whom it is with; `nil` for an anonymous initiator.
    package let peer: NodeUUID?
    /// The worker that holds it.
    package let worker: String
    /// Whether it goes over a circuit.
    package let isRelayed: Bool
    /// Whether the other side opened it.
    package let isInbound: Bool
    package let since: UnixTime

    package init(
        id: SessionID, epoch: UInt32 = 0, peer: NodeUUID?, worker: String, isRelayed: Bool, isInbound: Bool,
        since: UnixTime
    ) {
        self.id = id
        self.epoch = epoch
        self.peer = peer
        self.worker = worker
        self.isRelayed = isRelayed
        self.isInbound = isInbound
        self.since = since
    }
}

/// A session that a worker has, to be written down.
package struct SessionNote: Sendable, Equatable {
    package let row: SessionRow
    /// What its peer proves a resumption with, as bytes from a worker and sealed in a database; empty: what is written
    /// down stays, and where nothing is, the session can't be resumed.
    package let secret: [UInt8]

    package init(row: SessionRow, secret: [UInt8] = []) {
        self.row = row
        self.secret = secret
    }
}

/// A session at one of its epochs.
package struct SessionStand: Sendable, Hashable {
    package let id: SessionID
    package let epoch: UInt32

    package init(id: SessionID, epoch: UInt32) {
        self.id = id
        self.epoch = epoch
    }
}

/// Asks for a session to go on at another worker, or anew at the same.
package struct SessionTakeover: Sendable, Equatable {
    package let id: SessionID
    /// Whom the handshake proved; `nil` for an anonymous initiator. Must be whom the session is with.
    package let peer: NodeUUID?
    /// The worker that takes it over.
    package let worker: String
    package let workerEpoch: WorkerEpoch
    /// The resumption secret of the new connection, which replaces the old one: as in ``SessionNote/secret``.
    package let secret: [UInt8]

    package init(id: SessionID, peer: NodeUUID?, worker: String, workerEpoch: WorkerEpoch, secret: [UInt8]) {
        self.id = id
        self.peer = peer
        self.worker = worker
        self.workerEpoch = workerEpoch
        self.secret = secret
    }
}

/// What the other side of a session showed to go on with it: made with the session's secret over the handshake's hash.
package struct SessionProof: Sendable, Equatable {
    package let code: [UInt8]
    package let handshakeHash: [UInt8]

    package init(code: [UInt8], handshakeHash: [UInt8]) {
        self.code = code
        self.handshakeHash = handshakeHash
    }
}

/// Which worker holds which session.
package protocol SessionRegister: Sendable {
    /// Writes down what a worker has and has closed, in one transaction; `.leaseLost` if the epoch is not the newest of
    /// its name. Rows of another worker are refused as `.invalid`. Returns the sessions that another worker holds, at an
    /// epoch as great or, while its lease runs, at any, and those that ended after they were taken over, for
    /// ``StoreLimit/sessionAfterlife``: nothing was changed about those, and the worker holds them no more.
    func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionNote], closed: [SessionStand])
        async throws(StoreFailure) -> [SessionID]

    /// Sessions of workers whose lease runs, in the order of their ids, after `after`, at most `limit`
    /// (and `StoreLimit.pageRows`).
    func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow]
}

/// The register as a database has it, with what lets a session go on elsewhere: sealed, and never served over links.
///
/// A row outlives its worker's registration, for ``StoreLimit/sessionAfterlife`` at most: a peer whose worker died goes
/// on with its session at another one.
package protocol SessionStore: SessionRegister {
    /// A session's row and sealed secret, whether its worker lives or not; `nil` if there is none.
    func heldSession(_ id: SessionID) async throws(StoreFailure) -> SessionNote?

    /// Gives a session to another worker if its epoch is still `epoch` (else `.conflict`), with a sealed secret in place
    /// of the old one, in one transaction; returns its new epoch. `.leaseLost` if the worker's epoch is not the newest of
    /// its name, `.notProven` if the session is with another peer, `.notFound` if there is none.
    func takeOver(_ takeover: SessionTakeover, from epoch: UInt32) async throws(StoreFailure) -> UInt32
}

/// The register as workers see it: whoever holds the vault seals the secrets.
package protocol SessionKeeper: SessionRegister {
    /// Checks the proof and gives the session to the worker; returns its new epoch. The secret that the proof was made
    /// with serves once; the same takeover, asked again, is told the same. `.notProven` where the proof is wrong, else
    /// as ``SessionStore/takeOver(_:from:)``.
    func resumeSession(_ takeover: SessionTakeover, proof: SessionProof) async throws(StoreFailure) -> UInt32
}

extension SessionTakeover {
    /// Throws what rule the request breaks.
    package func check() throws(StoreFailure) {
        try checkName(worker)
        try checkCount(secret.count, of: "bytes of a session's secret", atMost: StoreLimit.sessionSecretBytes)
    }
}

extension [SessionNote] {
    /// Throws what rule a worker's notes break.
    package func check(of worker: String, closed: [SessionStand]) throws(StoreFailure) {
        try checkCount(count + closed.count, of: "sessions", atMost: StoreLimit.batchRows)
        for note in self {
            guard note.row.worker == worker else { throw .invalid("a session names another worker") }
            try checkCount(note.secret.count, of: "bytes of a session's secret", atMost: StoreLimit.sessionSecretBytes)
        }
    }
}

/// A connection that was refused or failed, for the operator's eyes; the other side is told nothing.
package struct RefusalRow: Sendable, Equatable {
    package let at: UnixTime
    /// Whether the other side dialled.
    package let isInbound: Bool
    /// Who it was or claimed to be, where known.
    package let node: NodeUUID?
    /// The address and port, where known; else empty.
    package let address: String
    /// Why, in words of the glossary.
    package let reason: String
    /// The worker that saw it.
    package let worker: String

    package init(
        at: UnixTime, isInbound: Bool, node: NodeUUID?, address: String, reason: String, worker: String
    ) {
        self.at = at
        self.isInbound = isInbound
        self.node = node
        self.address = address
        self.reason = reason
        self.worker = worker
    }

    /// Throws what rule the row breaks.
    package func check() throws(StoreFailure) {
        try checkLength(address, of: "an address", atMost: StoreLimit.addressBytes)
        try checkLength(reason, of: "a reason", atMost: StoreLimit.reasonBytes)
        try checkName(worker)
    }
}

/// The last refused and failed connections.
package protocol RefusalStore: Sendable {
    /// Adds refusals; of all, the newest `StoreLimit.refusals` are kept.
    func noteRefusals(_ refusals: [RefusalRow]) async throws(StoreFailure)

    /// The newest first, at most `limit` (and `StoreLimit.pageRows`).
    func refusals(limit: Int) async throws(StoreFailure) -> [RefusalRow]
}
