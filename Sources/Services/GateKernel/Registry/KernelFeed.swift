import GateModel
import GateStore
import Logging

/// Keeps what handshakes ask for as it is in the database: settings, and what was decided about peers and addresses.
struct KernelFeed: Sendable {
    let store: any KernelStore
    let table: PeerTable
    let gate: PeerGate
    /// This worker's name.
    let worker: String
    let logger: Logger
    /// Told after this worker's row in the registry changed.
    let registered: @Sendable () async -> Void
    /// Told after settings or decisions changed.
    let changed: @Sendable () -> Void

    /// Pause before a watch that broke is begun again.
    static let retry = Duration.milliseconds(500)

    /// Follows changes until cancelled; a lost database is waited for, what was known stays in force.
    func run() async {
        while !Task.isCancelled {
            do {
                for await change in try await store.changes(of: [.settings, .peers, .addressRules, .workers]) {
                    try await apply(change)
                }
            } catch {
                logger.warning(
                    "The database can't be followed; known rules stay in force", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: KernelFeed.retry)
        }
    }

    /// Reads everything once.
    func fill() async throws(StoreFailure) {
        table.use(try await store.values())
        var decisions: [NodeUUID: PeerAccess] = [:]
        for access in [PeerAccess.allowed, .denied] {
            var after: NodeUUID?
            while true {
                let page = try await store.peers(
                    PeerFilter(access: access), after: after, limit: StoreLimit.pageRows)
                guard let last = page.last else { break }
                for row in page { decisions[row.node] = row.access }
                after = last.node
            }
        }
        table.fill(decisions)
        gate.use(try await store.addressRules())
        changed()
    }

    private func apply(_ change: StoreChange) async throws(StoreFailure) {
        switch change {
        case .resynchronise: try await fill()
        case .changed(.settings, _): table.use(try await store.values())
        case .changed(.peers, let key):
            guard let node = NodeUUID(text: key) else { return }
            table.decide(node, try await store.peer(node)?.access ?? .undecided)
        case .changed(.addressRules, _): gate.use(try await store.addressRules())
        case .changed(.workers, worker): return await registered()
        case .changed: return
        }
        changed()
    }
}
