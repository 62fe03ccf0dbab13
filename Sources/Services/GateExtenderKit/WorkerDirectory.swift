public import GateModel
package import GateStore

/// Where kernel workers take links.
public struct WorkerAddress: Hashable, Sendable {
    /// The worker's link name, such as `kernel-1`.
    public let name: String
    /// Where it listens for links.
    public let endpoint: Endpoint

    /// Joins a name and an endpoint.
    public init(name: String, endpoint: Endpoint) {
        self.name = name
        self.endpoint = endpoint
    }
}

/// Tells which kernel workers there are, as they come and go.
public protocol WorkerDirectory: Sendable {
    /// Tells the workers of now, then again after every change. Returns when nothing more will change, or on cancellation.
    func follow(_ tell: @Sendable (Set<WorkerAddress>) -> Void) async throws
}

/// Workers that a file or a person names.
public struct FixedWorkers: WorkerDirectory {
    private let addresses: Set<WorkerAddress>

    /// Always these.
    public init(_ addresses: Set<WorkerAddress>) { self.addresses = addresses }

    /// These, once.
    public func follow(_ tell: @Sendable (Set<WorkerAddress>) -> Void) async throws { tell(addresses) }
}

/// Workers whose lease runs, as the node's database knows them.
package struct RegisteredWorkers: WorkerDirectory {
    private let store: any WorkerStore
    private let feed: any ChangeFeed

    package init(store: any WorkerStore, feed: any ChangeFeed) {
        self.store = store
        self.feed = feed
    }

    /// Reads the registry at every change that the feed tells; what was told holds while the database is away.
    package func follow(_ tell: @Sendable (Set<WorkerAddress>) -> Void) async throws {
        for await _ in try await feed.changes(of: [.workers]) {
            guard let rows = try? await store.workers() else { continue }
            tell(
                Set(
                    rows.compactMap { row in
                        Endpoint(text: row.registration.linkAddress).map {
                            WorkerAddress(name: row.registration.name, endpoint: $0)
                        }
                    }))
        }
    }
}
