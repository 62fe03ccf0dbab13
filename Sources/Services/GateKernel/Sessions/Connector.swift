import GateCrypto
import GateLink
import GateModel
import GateRelay
import GateRouting
import GateSession
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore
import Synchronization

/// Makes sessions on request. Requests for the same session wait for one attempt.
actor Connector: SessionConnector {
    let kernel: KernelState
    let store: any KernelStore
    let table: PeerTable
    private let book: RelayBook
    let dialler: Dialler
    private let circuits: CircuitHost
    var circuitDials = CircuitDials()
    /// Sessions that this worker dialled and is about to go on with, by their node.
    var suspensions: [NodeUUID: SuspendedSession] = [:]
    private var waiting: [Purpose: [CheckedContinuation<Outcome, Never>]] = [:]
    private var standing: [Purpose: SessionEndpoint] = [:]

    typealias Outcome = Result<SessionEndpoint, ConnectFault>

    /// Requests that may wait for one attempt.
    static let waitersMax = 4096
    /// Paths that are tried for one request.
    static let pathAttemptsMax = 3
    /// Sessions over circuits, and anonymous ones, that are kept for their isolation keys.
    static let standingMax = 65_536

    /// Which session a request may share with others.
    enum Purpose: Hashable {
        case direct(NodeUUID)
        /// That very session, whatever others there are with its node.
        case resumption(SessionID)
        case isolated(NodeUUID, ConnectRoute, anonymous: Bool, ExtenderID, key: String)
    }

    init(
        kernel: KernelState, store: any KernelStore, table: PeerTable, book: RelayBook, dialler: Dialler,
        circuits: CircuitHost
    ) {
        self.kernel = kernel
        self.store = store
        self.table = table
        self.book = book
        self.dialler = dialler
        self.circuits = circuits
    }

    // MARK: For extenders

    func connect(_ request: ConnectRequest, for extender: ExtenderID) async -> Result<SessionID, ConnectFailure> {
        let route = route(request.route)
        let purpose: Purpose =
            route == .direct && !request.anonymous
            ? .direct(request.target)
            : .isolated(request.target, route, anonymous: request.anonymous, extender, key: request.isolation)
        switch await shared(purpose, { await self.make(purpose) }) {
        case .success(let session): return .success(session.id)
        case .failure(let fault):
            return .failure(ConnectFailure(id: request.id, code: fault.code, reason: fault.reason))
        }
    }

    /// The route, with the setting in place of "as usual".
    private func route(_ asked: ConnectRoute) -> ConnectRoute {
        guard asked == .usual else { return asked }
        let hops = table.settings[NodeSettings.relayHops]
        return hops == 0 ? .direct : .relayed(hops: hops)
    }

    // MARK: One attempt for all who want the same

    func shared(_ purpose: Purpose, _ make: () async -> Outcome) async -> Outcome {
        if let session = existing(purpose) { return .success(session) }
        if waiting[purpose] != nil { return await awaited(purpose) }
        waiting[purpose] = []
        if case .direct(let node) = purpose { circuitDials.giveWay(node) }
        var outcome = await make()
        // Dialled at the same moment from the other side: that session stands, and ours was closed as its duplicate.
        if case .failure = outcome, let session = existing(purpose) { outcome = .success(session) }
        if case .success(let session) = outcome, case .isolated = purpose { keep(session, for: purpose) }
        for waiter in waiting.removeValue(forKey: purpose) ?? [] { waiter.resume(returning: outcome) }
        return outcome
    }

    private func awaited(_ purpose: Purpose) async -> Outcome {
        await withCheckedContinuation { continuation in
            guard waiting[purpose, default: []].count < Connector.waitersMax else {
                return continuation.resume(returning: .failure(.overloaded))
            }
            waiting[purpose, default: []].append(continuation)
        }
    }

    /// Whether a dial to the node is under way that an extender of ours, or a path of our own, asked for.
    func isDialling(_ node: NodeUUID) -> Bool { waiting[.direct(node)] != nil }

    /// What such a dial comes to.
    func ownDial(of node: NodeUUID) async -> SessionEndpoint? { try? await awaited(.direct(node)).get() }

    private func existing(_ purpose: Purpose) -> SessionEndpoint? {
        switch purpose {
        case .direct(let node):
            let session = kernel.session(with: node)
            session?.asked.add(1, ordering: .relaxed)
            return session
        case .resumption: return nil
        case .isolated:
            guard let session = standing[purpose] else { return nil }
            if kernel.session(session.id) === session { return session }
            standing[purpose] = nil
            return nil
        }
    }

    private func keep(_ session: SessionEndpoint, for purpose: Purpose) {
        if standing.count >= Connector.standingMax {
            standing = standing.filter { kernel.session($0.value.id) != nil }
        }
        guard standing.count < Connector.standingMax else { return }
        standing[purpose] = session
    }

    func make(_ purpose: Purpose) async -> Outcome {
        switch purpose {
        case .direct(let node):
            if let suspended = suspensions[node] { return await goOn(suspended) }
            return await dial(node, anonymous: false)
        case .resumption: return .failure(.unknownPeer)  // asked for by ``goOn(_:)`` alone
        case .isolated(let node, .direct, let anonymous, _, _), .isolated(let node, .usual, let anonymous, _, _):
            return await dial(node, anonymous: anonymous)
        case .isolated(let node, .relayed(let hops), let anonymous, _, _):
            if hops == 0 { return await dial(node, anonymous: anonymous) }
            return await build(to: node, anonymous: anonymous) { destination throws(PathFailure) in
                try self.book.path(hops: hops, to: destination, settings: self.table.settings)
            }
        case .isolated(let node, .through(let nodes), let anonymous, _, _):
            return await build(to: node, anonymous: anonymous) { destination throws(PathFailure) in
                try self.book.path(through: nodes, to: destination, settings: self.table.settings)
            }
        }
    }

    func dial(_ node: NodeUUID, anonymous: Bool) async -> Outcome {
        do {
            guard let row = try await store.peer(node), !row.endpoints.isEmpty else { return .failure(.unknownPeer) }
            return await dialler.dial(node, at: row.endpoints, anonymous: anonymous)
        } catch {
            return .failure(ConnectFault(.overloaded, "the peer list can't be read: \(error)"))
        }
    }

    private func build(
        to node: NodeUUID, anonymous: Bool, along choose: (NodeRecord) throws(PathFailure) -> [NodeRecord]
    ) async -> Outcome {
        do {
            guard let row = try await store.peer(node), let destination = book.record(of: row, at: SystemClock.wall())
            else {
                return .failure(
                    ConnectFault(.unknownPeer, "no signed record of \(node) is known: add it with 'card --record'"))
            }
            try await book.fill(at: SystemClock.wall())
            var fault = ConnectFault(.unreachable, "no path could be built")
            for _ in 0..<Connector.pathAttemptsMax {
                let path: [NodeRecord]
                do { path = try choose(destination) } catch { return .failure(ConnectFault(path: error)) }
                switch await circuit(path, to: destination, anonymous: anonymous) {
                case .success(let session): return .success(session)
                case .failure(let failure): fault = failure
                }
            }
            return .failure(fault)
        } catch {
            return .failure(ConnectFault(.overloaded, "the peer list can't be read: \(error)"))
        }
    }

    private func circuit(_ path: [NodeRecord], to destination: NodeRecord, anonymous: Bool) async -> Outcome {
        guard let head = path.first else { return .failure(ConnectFault(.noRoute, "the path is empty")) }
        let first = await shared(.direct(head.node)) {
            // A session that is about to go on would be given up for a fresh one.
            if let suspended = self.suspensions[head.node] { return await self.goOn(suspended) }
            return await self.dialler.dial(
                head.node, at: head.endpoints.filter { $0.literalAddress != nil }, anonymous: false)
        }
        switch first {
        case .failure(let fault):
            // Overloaded are we: that says nothing of the relay.
            if fault.code != .overloaded { book.failed(.firstHop(head.node)) }
            return .failure(ConnectFault(fault.code, "first relay \(head.node): \(fault.reason)"))
        case .success(let session):
            let outcome = await circuits.build(over: session, path, to: destination, anonymous: anonymous)
            var blame: CircuitBlame?
            if case .failure(let fault) = outcome { blame = fault.blame }
            if blame != .firstHop(head.node) { book.reached(head.node) }
            if let blame { book.failed(blame) }
            return outcome
        }
    }
}

/// Why there is no session, for the extender that asked.
struct ConnectFault: Error {
    let code: ConnectFailure.Code
    let reason: String
    /// Whom random paths do without for a while.
    var blame: CircuitBlame?

    static let overloaded = ConnectFault(.overloaded, "too many requests wait for the same session")
    static let unknownPeer = ConnectFault(.unknownPeer, "no address of the peer is known; add it with 'peers add'")

    init(_ code: ConnectFailure.Code, _ reason: String, blame: CircuitBlame? = nil) {
        self.code = code
        self.reason = reason
        self.blame = blame
    }

    init(path failure: PathFailure) { self.init(.noRoute, "no path over relays: \(failure)") }

    /// What a failed handshake means to who dialled.
    init(_ failure: SessionFailure) {
        switch failure {
        case .closed(.overloaded): self.init(.overloaded, PeerTable.Refusal.full.rawValue)
        case .handshakeTimedOut, .unintelligible, .recordRefused, .closedByPeer, .handshakeFailed, .closed, .idle,
            .keyUpdateTimedOut:
            self.init(.notAccepted, ConnectFault.unanswered)
        case .notAdmitted: self.init(.refused, "the peer is banned or not allowed here; see 'bans', 'peers allow'")
        case .certificateRefused: self.init(.notAccepted, "the node there is not the one that was dialled")
        case .noCommonVersion: self.init(.notAccepted, "no version in common")
        case .noCommonSuite(let offered, let taken):
            let words = offered.unlike(taken).map { "we offer \($0.own), the node takes \($0.other)" }
            self.init(.notAccepted, "no common suite: \(words ?? "see suite.kem, suite.cipher, suite.hash")")
        case .puzzleTooHard, .puzzleUnsolved: self.init(.notAccepted, failure.words)
        case .protocolViolation, .limitExceeded: self.init(.notAccepted, "the peer broke the protocol")
        }
    }

    /// What is said of a dial without an answer.
    static let unanswered = "no answer: wrong UUID, secret or clock, or not allowed there"
}
