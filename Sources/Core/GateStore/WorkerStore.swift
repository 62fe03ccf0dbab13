/// Fences what a worker writes: a later registration under the same name has a greater epoch.
///
/// Restoring a backup raises the generation, a promoted standby the timeline, a registration the counter.
package struct WorkerEpoch: Sendable, Hashable, Comparable {
    /// Raised when a backup is restored.
    package let generation: UInt32
    /// PostgreSQL's timeline; 0 on SQLite.
    package let timeline: UInt32
    /// Counts registrations of all workers.
    package let counter: UInt64

    package init(generation: UInt32, timeline: UInt32, counter: UInt64) {
        self.generation = generation
        self.timeline = timeline
        self.counter = counter
    }

    package static func < (left: WorkerEpoch, right: WorkerEpoch) -> Bool {
        (left.generation, left.timeline, left.counter) < (right.generation, right.timeline, right.counter)
    }
}

/// What a worker says about itself when it starts.
package struct WorkerRegistration: Sendable, Equatable {
    /// Its link name, unique among the node's workers.
    package let name: String
    /// Where extenders attach: `host:port`.
    package let linkAddress: String
    /// Where health and metrics are served; empty where nowhere.
    package let adminAddress: String

    package init(name: String, linkAddress: String, adminAddress: String) {
        self.name = name
        self.linkAddress = linkAddress
        self.adminAddress = adminAddress
    }

    /// Throws what rule the registration breaks.
    package func check() throws(StoreFailure) {
        try checkName(name)
        try checkLength(linkAddress, of: "an address", atMost: StoreLimit.addressBytes)
        try checkLength(adminAddress, of: "an address", atMost: StoreLimit.addressBytes)
    }
}

/// How much a worker carries.
package struct WorkerLoad: Sendable, Equatable {
    package var sessions: UInt32
    package var circuits: UInt32
    package var streams: UInt32

    package init(sessions: UInt32 = 0, circuits: UInt32 = 0, streams: UInt32 = 0) {
        self.sessions = sessions
        self.circuits = circuits
        self.streams = streams
    }
}

/// A worker whose lease runs.
package struct WorkerRow: Sendable, Equatable {
    /// What it said when it registered.
    package let registration: WorkerRegistration
    /// A number of its name, never given to another; the worker id of its certificates.
    package let id: UInt64
    /// What fences its writes.
    package let epoch: WorkerEpoch
    /// What it last said that it carries.
    package let load: WorkerLoad
    /// Whether it is told to take no new peers.
    package let isDraining: Bool
    /// How much of its lease was left when the row was read, on the store's clock.
    package let leaseLeft: Duration

    package init(
        registration: WorkerRegistration, id: UInt64, epoch: WorkerEpoch, load: WorkerLoad, isDraining: Bool,
        leaseLeft: Duration
    ) {
        self.registration = registration
        self.id = id
        self.epoch = epoch
        self.load = load
        self.isDraining = isDraining
        self.leaseLeft = leaseLeft
    }
}

/// Which workers there are. Leases run on the store's clock; a worker stops by its own before its lease ends.
package protocol WorkerStore: Sendable {
    /// Registers a worker under a fresh epoch; an older registration of the name is fenced and its sessions go.
    func registerWorker(_ registration: WorkerRegistration, lease: Duration) async throws(StoreFailure) -> WorkerRow

    /// Renews the lease and tells the load. `.leaseLost` if it ended or a newer registration holds the name.
    func renewWorker(_ name: String, epoch: WorkerEpoch, load: WorkerLoad, lease: Duration)
        async throws(StoreFailure) -> WorkerRow

    /// Ends a registration and its sessions; nothing happens if a newer one holds the name.
    func removeWorker(_ name: String, epoch: WorkerEpoch) async throws(StoreFailure)

    /// Tells a worker to take no new peers, or to take them again; it learns at its next renewal or by watch.
    func setDraining(_ name: String, _ isDraining: Bool) async throws(StoreFailure)

    /// Workers whose lease runs, in the order of their names.
    func workers() async throws(StoreFailure) -> [WorkerRow]
}
