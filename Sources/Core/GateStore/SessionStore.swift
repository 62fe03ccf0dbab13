package import GateModel

/// A session as `status` shows it.
package struct SessionRow: Sendable, Equatable {
    package let id: SessionID
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
        id: SessionID, peer: NodeUUID?, worker: String, isRelayed: Bool, isInbound: Bool, since: UnixTime
    ) {
        self.id = id
        self.peer = peer
        self.worker = worker
        self.isRelayed = isRelayed
        self.isInbound = isInbound
        self.since = since
    }
}

/// Which worker holds which session.
package protocol SessionStore: Sendable {
    /// Notes what a worker opened and closed, in one transaction; `.leaseLost` if the epoch is not the newest of its
    /// name. Rows of another worker are refused as `.invalid`.
    func noteSessions(of worker: String, epoch: WorkerEpoch, opened: [SessionRow], closed: [SessionID])
        async throws(StoreFailure)

    /// Sessions of workers whose lease runs, in the order of their ids, after `after`, at most `limit`
    /// (and `StoreLimit.pageRows`).
    func sessions(after: SessionID?, limit: Int) async throws(StoreFailure) -> [SessionRow]
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
