import GateCrypto
import GateModel
import GateRouting
import GateStore
import GateTransport
import Logging
import NIOCore
import Synchronization

/// The relays that this node knows, with their signed records, and how paths are drawn from them.
final class RelayBook: Sendable {
    private struct State: ~Copyable {
        var records: [NodeUUID: NodeRecord] = [:]
        var guards = GuardSet()
        var blame = PathBlame()
        var random = FastRandom()
    }

    private let own: NodeUUID
    /// Where the network sees us; our own network is left out of random paths.
    private let ownAddresses: [IPAddress]
    private let store: any KernelStore
    private let logger: Logger
    private let state: Mutex<State>

    /// Relays that are read from the database at most.
    static let relaysMax = 10_000
    /// First hops at a time. Few, and never last on a path while there are others: a first hop knows us, a last hop the
    /// destination.
    static let guardCount = 2

    init(own: NodeUUID, ownAddresses: [IPAddress], store: any KernelStore, logger: Logger) {
        self.own = own
        self.ownAddresses = ownAddresses
        self.store = store
        self.logger = logger
        state = Mutex(State())
    }

    /// Reads all relays with a record that holds.
    func fill(at now: UnixTime) async throws(StoreFailure) {
        var records: [NodeUUID: NodeRecord] = [:]
        var after: NodeUUID?
        while records.count < RelayBook.relaysMax {
            let page = try await store.peers(PeerFilter(isRelay: true), after: after, limit: StoreLimit.pageRows)
            guard let last = page.last else { break }
            for row in page where row.access != .denied {
                if let record = record(of: row, at: now) { records[row.node] = record }
            }
            after = last.node
        }
        state.withLock { $0.records = records }
    }

    /// The signed record in a peer's row, where it holds.
    func record(of row: PeerRow, at now: UnixTime) -> NodeRecord? {
        guard !row.record.isEmpty else { return nil }
        var bytes = ByteBuffer(bytes: row.record)
        guard let record = NodeRecord(from: &bytes), bytes.readableBytes == 0 else { return nil }
        do {
            _ = try record.verify(expecting: row.node, at: now)
            return record
        } catch {
            logger.debug("A peer's record does not hold", metadata: ["peer": "\(row.node)", "error": "\(error)"])
            return nil
        }
    }

    /// A circuit over this first relay came to stand, or failed behind it.
    func reached(_ node: NodeUUID) {
        state.withLock {
            $0.blame.reached(node)
            $0.guards.reached(node)
        }
    }

    /// A circuit failed: random paths do without what it speaks against for a while.
    func failed(_ blame: CircuitBlame) {
        state.withLock {
            switch blame {
            case .firstHop(let node):
                $0.blame.missed(node, at: SystemClock.now())
                $0.guards.missed(node, at: SystemClock.wall())
            case .link(let relay, let next, let isDestination):
                $0.blame.failed(relay, next, isDestination: isDestination, at: SystemClock.now())
            }
        }
    }

    /// A random path, first hop first.
    func path(
        hops: Int, to destination: NodeRecord, settings: NodeSettingValues
    ) throws(PathFailure) -> [NodeRecord] {
        try state.withLock { state throws(PathFailure) in
            let rules = pathSettings(settings)
            let wall = SystemClock.wall()
            let candidates = candidates(state)
            let places = addresses(of: destination)
            let selection = PathSelection(own: own, ownAddresses: ownAddresses, settings: rules)
            state.guards = state.guards.renewed(from: candidates, at: wall, settings: rules, random: &state.random)
            let firstHops = state.guards.firstHops(
                from: selection.fitFirstHops(to: destination.node, at: places, from: candidates), at: wall,
                settings: rules, random: &state.random)
            let avoidance = state.blame.avoidance(at: SystemClock.now())
            let guards = Set(state.guards.entries.map(\.node))
            var path: [NodeUUID] = []
            for _ in 0..<rules.attemptCount {
                path = try selection.random(
                    count: hops, to: destination.node, at: places, from: candidates, firstHops: firstHops,
                    avoiding: avoidance, random: &state.random)
                if path.count < 2 || !guards.contains(path[path.count - 1]) { break }
            }
            return path.compactMap { state.records[$0] }
        }
    }

    /// A named path.
    func path(
        through nodes: [NodeUUID], to destination: NodeRecord, settings: NodeSettingValues
    ) throws(PathFailure) -> [NodeRecord] {
        try state.withLock { state throws(PathFailure) in
            let selection = PathSelection(
                own: own, ownAddresses: ownAddresses, settings: pathSettings(settings))
            let path = try selection.named(
                nodes, to: destination.node, at: addresses(of: destination), from: candidates(state))
            return path.compactMap { state.records[$0] }
        }
    }

    private func pathSettings(_ settings: NodeSettingValues) -> PathSettings {
        var rules = PathSettings()
        rules.allowsSameNetwork = settings[NodeSettings.relayAllowPrivate]
        rules.guardCount = RelayBook.guardCount
        return rules
    }

    private func candidates(_ state: borrowing State) -> [PathCandidate] {
        var candidates: [PathCandidate] = []
        for record in state.records.values {
            candidates.append(
                PathCandidate(
                    node: record.node, addresses: addresses(of: record), relays: record.relays, age: .zero,
                    reputation: 100, source: own))
        }
        return candidates
    }

    private func addresses(of record: NodeRecord) -> [IPAddress] { record.endpoints.compactMap(\.literalAddress) }
}
