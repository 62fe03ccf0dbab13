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

    /// How often the registry is read without a change: a worker that dies is not told of, its lease just ends.
    static let readingInterval = Duration.seconds(10)
    /// Pause after a reading that failed.
    static let retry = Duration.milliseconds(500)

    /// Reads the registry at every change that the feed tells; what was told holds while the database is away.
    package func follow(_ tell: @Sendable (Set<WorkerAddress>) -> Void) async throws {
        let changes = try await feed.changes(of: [.workers])
        let (dues, due) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes { due.yield() }
                due.finish()
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: RegisteredWorkers.readingInterval)
                    due.yield()
                }
            }
            for await _ in dues {
                guard let rows = try? await store.workers() else {
                    try? await Task.sleep(for: RegisteredWorkers.retry)
                    due.yield()
                    continue
                }
                tell(Set(rows.compactMap(WorkerAddress.init)))
            }
            group.cancelAll()
        }
    }
}

extension WorkerAddress {
    fileprivate init?(_ row: WorkerRow) {
        guard let endpoint = Endpoint(text: row.registration.linkAddress) else { return nil }
        self.init(name: row.registration.name, endpoint: endpoint)
    }
}
