import GateWire
import GateLink
import GateModel
import GateStore
import Logging
import NIOCore
import Synchronization

/// What all loops of a worker share: which sessions stand and which extenders are attached. Asked when sessions,
/// streams and links come and go, never per message.
final class KernelState: Sendable {
    let logger: Logger
    let metrics: KernelMetrics
    /// What was decided about peers.
    let peers: PeerTable
    /// How much the worker carries, as the registry tells the database.
    let load = Mutex(WorkerLoad())
    let tables = Mutex(Tables())
    private let work: AsyncStream<@Sendable () async -> Void>.Continuation
    /// Work that loops hand to tasks; `KernelService.run` carries it out.
    let pendingWork: AsyncStream<@Sendable () async -> Void>
    private let connector = Mutex<(any SessionConnector)?>(nil)
    private let circuitHost = Mutex<CircuitHost?>(nil)
    let isDraining = Mutex(false)

    /// Work that waits for its task or is under way.
    private let workCount = Atomic(0)

    /// The most of it, begun or not, since a dial may take half a minute: more than all sessions of a worker need that
    /// come back at once.
    static let workMax = 65_536
    /// What is said of work that there is no room for.
    static let tooMuchWaits = "too much work waits at this worker"

    struct Tables {
        var sessions: [SessionID: SessionEndpoint] = [:]
        /// Direct sessions with each node, one with each worker of it; the newest is the last.
        var direct: [NodeUUID: [SessionEndpoint]] = [:]
        /// Sessions whose way is broken and that may come back; none of them is in `sessions`.
        var suspended: [SessionID: SessionEndpoint] = [:]
        /// Of them, those with each node.
        var suspendedWith: [NodeUUID: [SessionEndpoint]] = [:]
        /// How many of `sessions` are with each node.
        var counts: [NodeUUID: Int] = [:]
        var attachments: [ExtenderID: [Attachment]] = [:]
        /// Of them, those whose replica has no link now and may come back.
        var broken: Set<ObjectIdentifier> = []
        var opened: [SessionNote] = []
        var closed: [SessionStand] = []

        /// Takes a session off those that stand, unless another has its place.
        mutating func leave(_ session: SessionEndpoint) {
            guard sessions[session.id] === session else { return }
            sessions[session.id] = nil
            guard case .node(let node) = session.peer else { return }
            counts[node] = counts[node].flatMap { $0 > 1 ? $0 - 1 : nil }
            direct[node]?.removeAll { $0 === session }
            if direct[node]?.isEmpty == true { direct[node] = nil }
        }

        /// Enters a direct session that begins. Of two with the same worker one is given back, to be closed: itself, or
        /// the other.
        mutating func enter(direct session: SessionEndpoint, with node: NodeUUID, own: NodeUUID) -> SessionEndpoint? {
            var loser: SessionEndpoint?
            if let index = direct[node]?.firstIndex(where: { $0.way.peerWorker == session.way.peerWorker }) {
                guard let other = direct[node]?[index], session.isKept(over: other, peer: node, own: own) else {
                    return session
                }
                loser = direct[node]?.remove(at: index)
            }
            direct[node, default: []].append(session)
            return loser
        }

        /// How often the session was taken over, as far as it stands or is suspended here.
        func epoch(of id: SessionID) -> SessionEpoch? { (sessions[id] ?? suspended[id])?.epoch }

        /// Takes a session off those that are suspended.
        mutating func forgetSuspended(_ id: SessionID) {
            guard let session = suspended.removeValue(forKey: id), let node = session.peer.node else { return }
            suspendedWith[node]?.removeAll { $0 === session }
            if suspendedWith[node]?.isEmpty == true { suspendedWith[node] = nil }
        }
    }

    init(logger: Logger, metrics: KernelMetrics, peers: PeerTable = PeerTable()) {
        self.logger = logger
        self.metrics = metrics
        self.peers = peers
        (pendingWork, work) = AsyncStream.makeStream(bufferingPolicy: .unbounded)  // `spawn` bounds it
    }

    /// Has `body` run by a task of the service; `false` where too much waits or is under way already, and it is dropped.
    @discardableResult
    func spawn(_ body: @escaping @Sendable () async -> Void) -> Bool {
        guard workCount.add(1, ordering: .relaxed).newValue <= KernelState.workMax else {
            workCount.subtract(1, ordering: .relaxed)
            return false
        }
        let isEnqueued = work.yield { [self] in
            await body()
            workCount.subtract(1, ordering: .relaxed)
        }
        if case .enqueued = isEnqueued { return true }
        workCount.subtract(1, ordering: .relaxed)
        return false
    }

    func finishWork() { work.finish() }

    // MARK: Connecting

    func use(_ connector: any SessionConnector) { self.connector.withLock { $0 = connector } }

    func connect(_ request: ConnectRequest, for extender: ExtenderID) async -> Result<SessionID, ConnectFailure> {
        guard let connector = connector.withLock({ $0 }) else {
            return .failure(ConnectFailure(id: request.id, code: .overloaded, reason: "the worker is starting"))
        }
        return await connector.connect(request, for: extender)
    }

    func use(_ circuits: CircuitHost) { circuitHost.withLock { $0 = circuits } }

    /// Begins this node's parts in circuits; `nil` while the worker starts.
    var circuits: CircuitHost? { circuitHost.withLock { $0 } }

    // MARK: Sessions

    func session(_ id: SessionID) -> SessionEndpoint? { tables.withLock { $0.sessions[id] } }

    /// The direct session with a node; with the worker that came last, where there are several.
    func session(with node: NodeUUID) -> SessionEndpoint? { tables.withLock { $0.direct[node]?.last } }

    var sessions: [SessionEndpoint] { tables.withLock { Array($0.sessions.values) } }

    var sessionCount: Int { tables.withLock { $0.sessions.count } }

    /// Enters a session that stands. Of two direct ones with the same worker the one that the lower UUID dialled stays
    /// (same dialler: the newer, since the older's carrier may be dead); the other is given back, to be closed.
    func established(
        _ session: SessionEndpoint, secret: [UInt8], own: NodeUUID, settings: NodeSettingValues
    ) -> Entry {
        let entry = tables.withLock { tables -> (SessionEndpoint?, [Attachment])? in
            guard tables.sessions.count < settings[NodeSettings.sessionsMaximum] else { return nil }
            var loser: SessionEndpoint?
            if case .node(let node) = session.peer { tables.counts[node, default: 0] += 1 }
            if case .node(let node) = session.peer, session.isMutual {
                loser = tables.enter(direct: session, with: node, own: own)
            }
            tables.sessions[session.id] = session
            tables.opened.append(SessionNote(row: row(of: session), secret: secret))
            return (loser, tables.attachments.values.flatMap(\.self))
        }
        guard let (loser, attachments) = entry else { return .full }
        tell(.connected, of: session, to: attachments)
        if session.isMutual, loser !== session { for left in leftBehind(by: session) { giveUp(left) } }
        return .entered(loser: loser)
    }

    /// What became of a session that came to stand.
    enum Entry {
        /// It is entered; `loser`, itself or another with the same worker, is to be closed as a duplicate.
        case entered(loser: SessionEndpoint?)
        /// There are too many.
        case full
    }

    /// Why one more session with a peer can't be had; `nil` where it can. Sessions that come to stand at the same moment
    /// may pass the bound per peer by as many as there are handshakes under way; the bound of all holds.
    func refusal(of peer: NodeUUID?, settings: NodeSettingValues) -> PeerTable.Refusal? {
        tables.withLock { tables in
            guard tables.sessions.count < settings[NodeSettings.sessionsMaximum] else { return .full }
            guard let peer, let count = tables.counts[peer] else { return nil }
            return count < settings[NodeSettings.sessionsPerPeer] ? nil : .crowd
        }
    }

    /// A session that stood, or was suspended, is over.
    func ended(_ session: SessionEndpoint, reason: String) {
        let attachments = tables.withLock { tables -> [Attachment] in
            tables.leave(session)
            if tables.suspended[session.id] === session { tables.forgetSuspended(session.id) }
            guard tables.epoch(of: session.id) == nil else { return [] }  // it goes on, carried by another
            tables.closed.append(SessionStand(id: session.id, epoch: session.epoch))
            return tables.attachments.values.flatMap(\.self)
        }
        tell(.disconnected(reason: reason), of: session, to: attachments)
    }

    /// A session's way is broken and it may come back: its streams are dropped without a reset, extenders are told, and
    /// what they still send to it means nothing. On the session's loop. ``ended(_:reason:)`` or ``resumed(_:own:)``
    /// follows. Nothing is told of one that goes on already.
    func suspended(_ session: SessionEndpoint, reason: String = "") {
        session.suspend()
        let attachments = tables.withLock { tables -> [Attachment] in
            guard tables.sessions[session.id] === session else { return [] }
            tables.leave(session)
            tables.suspended[session.id] = session
            if let node = session.peer.node { tables.suspendedWith[node, default: []].append(session) }
            return tables.attachments.values.flatMap(\.self)
        }
        tell(.suspended(reason: reason), of: session, to: attachments)
    }

    /// A session goes on here: `session` has the id of one that stood here or at another worker, and a higher epoch. Others
    /// with the same worker stay: none of them begins, and each has streams.
    func resumed(_ session: SessionEndpoint) -> Return {
        let entry = tables.withLock { tables -> (SessionEndpoint?, [Attachment])? in
            if let known = tables.epoch(of: session.id), known >= session.epoch { return nil }
            let before = tables.sessions[session.id]
            if let before { tables.leave(before) }
            tables.forgetSuspended(session.id)
            tables.sessions[session.id] = session
            if case .node(let node) = session.peer {
                tables.counts[node, default: 0] += 1
                tables.direct[node, default: []].append(session)
            }
            tables.opened.append(SessionNote(row: row(of: session)))
            return (before, tables.attachments.values.flatMap(\.self))
        }
        guard let (before, attachments) = entry else { return .late }
        if let before {
            // Its streams go without a word, as when its way breaks: the extenders will resume them.
            tell(.suspended(reason: "the session goes on over another connection"), of: before, to: attachments)
            before.eventLoop.execute { before.supersede() }
        }
        tell(.resumed, of: session, to: attachments)
        return .stands
    }

    /// What became of a session that goes on.
    enum Return {
        case stands
        /// It has gone on over a newer connection already.
        case late
    }

    /// This worker took a session over for a peer that did not wait for it and will not come back, as far as is known.
    func abandoned(_ stand: SessionStand) {
        tables.withLock { tables in
            if tables.epoch(of: stand.id) != stand.epoch { tables.closed.append(stand) }
        }
    }

    /// Whether the way of the session of this name is broken and it may come back.
    func isSuspended(_ id: SessionID) -> Bool { tables.withLock { $0.suspended[id] != nil } }

    /// Whether this session's way is broken and it may come back.
    func isSuspended(_ session: SessionEndpoint) -> Bool { tables.withLock { $0.suspended[session.id] === session } }

    /// What the same dialler had with the same worker when its connection broke: it began afresh instead of going on.
    private func leftBehind(by session: SessionEndpoint) -> [SessionEndpoint] {
        guard let node = session.peer.node else { return [] }
        return tables.withLock { tables in
            (tables.suspendedWith[node] ?? []).filter {
                $0.way.peerWorker == session.way.peerWorker && $0.isInbound == session.isInbound
            }
        }
    }

    var suspendedCount: Int { tables.withLock { $0.suspended.count } }
    /// Sessions whose ways are broken and that may come back.
    var suspendedSessions: [SessionEndpoint] { tables.withLock { Array($0.suspended.values) } }

    /// Whether one more session may be suspended: there are as many places as for sessions that stand, in all and for
    /// each node.
    func maySuspend(_ session: SessionEndpoint, _ settings: NodeSettingValues) -> Bool {
        tables.withLock { tables in
            guard tables.suspended.count < settings[NodeSettings.sessionsMaximum] else { return false }
            let others = session.peer.node.flatMap { tables.suspendedWith[$0]?.count } ?? 0
            return others < settings[NodeSettings.sessionsPerPeer]
        }
    }

    /// A suspended session did not come back here in time, or may not any more.
    func giveUp(_ session: SessionEndpoint) {
        if isSuspended(session) { ended(session, reason: "the connection broke and the session did not go on") }
    }

    /// Other workers hold these sessions at greater epochs: what is here of them goes, but for what came back meanwhile.
    /// Extenders that have not heard of the other worker yet must not take the sessions for ended: they are told that the
    /// way is broken, and no more.
    func superseded(_ stands: [SessionStand]) {
        let (standing, attachments) = tables.withLock { tables in
            let here = stands.filter { stand in tables.epoch(of: stand.id).map { $0 <= stand.epoch } ?? false }
            for stand in here { tables.forgetSuspended(stand.id) }
            let standing = here.compactMap { tables.sessions[$0.id] }
            for session in standing { tables.leave(session) }
            return (standing, tables.attachments.values.flatMap(\.self))
        }
        for session in standing {
            session.eventLoop.execute { [self] in
                session.supersede()
                tell(.suspended(reason: "another worker holds the session"), of: session, to: attachments)
            }
        }
    }

    /// All that stands and is suspended, to be written down under a new registration, with what is known of secrets: they
    /// may not have been written before, or the database may have lost them.
    func sessionNotes(with secrets: [SessionStand: [UInt8]]) -> [SessionNote] {
        tables.withLock { tables in
            (Array(tables.sessions.values) + tables.suspended.values).map { session in
                let stand = SessionStand(id: session.id, epoch: session.epoch)
                return SessionNote(row: row(of: session), secret: secrets[stand] ?? [])
            }
        }
    }

    /// Whether the registry has not heard yet that the session stands.
    func hasNote(of id: SessionID) -> Bool { tables.withLock { $0.opened.contains { $0.row.id == id } } }

    /// Sessions that the registry has not heard of yet.
    var notedSessions: Set<SessionID> { tables.withLock { Set($0.opened.map(\.row.id)) } }

    /// Direct sessions of each node that has several here.
    var secondSessions: [[SessionEndpoint]] { tables.withLock { $0.direct.values.filter { $0.count > 1 } } }

    /// Whether the registry has not heard of everything yet.
    var hasNotes: Bool { tables.withLock { !$0.opened.isEmpty || !$0.closed.isEmpty } }

    /// What opened and closed since the last call, for the database.
    func takeSessionNotes() -> (opened: [SessionNote], closed: [SessionStand]) {
        tables.withLock { tables in
            defer {
                tables.opened = []
                tables.closed = []
            }
            let gone = Set(tables.closed)
            let opened = tables.opened.filter { note in
                !gone.contains(SessionStand(id: note.row.id, epoch: note.row.epoch))
            }
            return (opened, tables.closed)
        }
    }

    private func tell(_ notice: ToLink.Notice, of session: SessionEndpoint, to attachments: [Attachment]) {
        for attachment in attachments {
            attachment.eventLoop.execute { attachment.take([.notice(session, notice)]) }
        }
    }

    private func row(of session: SessionEndpoint) -> SessionRow {
        let node: NodeUUID? = if case .node(let node) = session.peer { node } else { nil }
        return SessionRow(
            id: session.id, epoch: session.epoch, peer: node, worker: metrics.worker, isRelayed: session.isRelayed,
            isInbound: session.isInbound, since: session.since)
    }
}

/// Makes sessions on request: over a connection that is there, a new one, or relays.
protocol SessionConnector: Sendable {
    func connect(_ request: ConnectRequest, for extender: ExtenderID) async -> Result<SessionID, ConnectFailure>
}
