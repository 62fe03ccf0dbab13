import GateModel
import GateStore
import GateTransport
import Logging
import Synchronization

/// Keeps what handshakes ask for as it is in the database: settings, what was decided about peers and
/// addresses, and bans.
struct KernelFeed: Sendable {
    let store: any KernelStore
    let table: PeerTable
    let gate: PeerGate
    let bans: BanTable
    /// This worker's name.
    let worker: String
    let logger: Logger
    /// Told after this worker's row in the registry changed.
    let registered: @Sendable () async -> Void
    /// Told after settings or decisions changed.
    let changed: @Sendable () -> Void
    /// Told after somebody was banned, or is no more.
    let banned: @Sendable (AccessSubject) -> Void
    /// What was read later is taken over later: nothing old stays in force.
    private let turns = Turns()

    /// Pause before a watch that broke is begun again.
    static let retry = Duration.milliseconds(500)
    /// Bans that are read: as many as the store keeps, and a page for those that came meanwhile.
    static let bansMax = 2 * StoreLimit.bans + StoreLimit.pageRows

    /// Follows changes until cancelled; a lost database is waited for, what was known stays in force.
    func run() async {
        while !Task.isCancelled {
            do {
                for await change in try await store.changes(of: [.settings, .peers, .addressRules, .bans, .workers]) {
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
        await turns.take()
        defer { turns.leave() }
        try await readAll()
    }

    private func readAll() async throws(StoreFailure) {
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
        bans.fill(try await allBans(), at: SystemClock.wall())
        changed()
    }

    private func allBans() async throws(StoreFailure) -> [BanRow] {
        var rows: [BanRow] = []
        while true {
            let page = try await store.bans(after: rows.last?.subject, limit: StoreLimit.pageRows)
            guard !page.isEmpty, rows.count < KernelFeed.bansMax else { return rows }
            rows += page
        }
    }

    /// Takes over what one change is about; asked again it does no harm.
    func apply(_ change: StoreChange) async throws(StoreFailure) {
        if case .changed(.workers, worker) = change { return await registered() }
        await turns.take()
        defer { turns.leave() }
        switch change {
        case .resynchronise: return try await readAll()
        case .changed(.settings, _): table.use(try await store.values())
        case .changed(.peers, let key):
            guard let node = NodeUUID(text: key) else { return }
            table.decide(node, try await store.peer(node)?.access ?? .undecided)
        case .changed(.addressRules, _): gate.use(try await store.addressRules())
        case .changed(.bans, let key):
            guard let subject = AccessSubject(text: key) else { return }
            bans.use(try await store.ban(of: subject), of: subject, at: SystemClock.wall())
            return banned(subject)
        case .changed: return
        }
        changed()
    }
}

/// Lets one task at a time pass, in the order in which they came.
private final class Turns: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    func take() async {
        await withCheckedContinuation { turn in
            let isFree = state.withLock { state in
                if state.isTaken { state.waiting.append(turn) }
                defer { state.isTaken = true }
                return !state.isTaken
            }
            if isFree { turn.resume() }
        }
    }

    func leave() {
        let next = state.withLock { state in
            state.isTaken = !state.waiting.isEmpty
            return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
        next?.resume()
    }
}
