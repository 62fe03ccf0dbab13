import GateAccess
import GateLink
import GateModel
import GateSession
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore
import Synchronization

/// What every session of a worker begins with and reports to, whatever carries it.
final class SessionHost: Sendable {
    let own: NodeUUID
    let kernel: KernelState
    let table: PeerTable
    let gate: PeerGate
    /// Whether sessions may go on at any worker of this node when their connection breaks.
    let resumesSessions: Bool
    /// The certificate that sessions are being told of; `nil` before the first renewal.
    let renewal = Mutex<Renewal?>(nil)

    private let contexts: [ObjectIdentifier: LoopContext]
    private let registryBox = Mutex<WorkerRegistry?>(nil)
    private let resumerBox = Mutex<Connector?>(nil)

    init(
        own: NodeUUID, resumesSessions: Bool, kernel: KernelState, table: PeerTable, gate: PeerGate,
        contexts: [LoopContext]
    ) {
        self.resumesSessions = resumesSessions
        self.own = own
        self.kernel = kernel
        self.table = table
        self.gate = gate
        self.contexts = Dictionary(uniqueKeysWithValues: contexts.map { (ObjectIdentifier($0.eventLoop), $0) })
    }

    /// What everything on that loop shares; `nil` for a loop that is none of the worker's.
    func context(of eventLoop: any EventLoop) -> LoopContext? { contexts[ObjectIdentifier(eventLoop)] }

    /// What waits on that loop.
    func backlog(of eventLoop: any EventLoop) -> LoopBacklog { context(of: eventLoop)?.backlog ?? LoopBacklog() }

    func use(_ registry: WorkerRegistry) { registryBox.withLock { $0 = registry } }

    func use(_ resumer: Connector) { resumerBox.withLock { $0 = resumer } }

    /// `nil` while the worker starts.
    var registry: WorkerRegistry? { registryBox.withLock(\.self) }

    /// Who dials to go on with sessions; `nil` while the worker starts.
    var resumer: Connector? { resumerBox.withLock(\.self) }

    /// Renews the worker's lease, and so learns what its row in the registry says now.
    func renewLease() async { await registry?.renew() }

    /// A connection that this worker dials; with `suspended`, to go on with that session, on its loop.
    func dial(
        _ node: NodeUUID, on channel: any Channel, at address: SocketAddress, anonymous: Bool,
        resuming suspended: SuspendedSession? = nil, outcome: EventLoopPromise<SessionEndpoint>
    ) throws {
        let origin = SessionOwner.Origin(
            isRelayed: false, address: address, awaitsAdmission: !anonymous, resuming: suspended)
        try install(on: channel, origin, outcome: outcome) { environment in
            PeerConnection(
                dialling: node, presence: anonymous ? .anonymous : .mutual(environment.credentials),
                environment: environment, resumption: suspended?.claim())
        }
    }

    func install(
        on channel: any Channel, _ origin: SessionOwner.Origin, outcome: EventLoopPromise<SessionEndpoint>?,
        _ connection: (SessionEnvironment) -> PeerConnection
    ) throws {
        guard let context = context(of: channel.eventLoop) else { throw ChannelError.inappropriateOperationForState }
        let owner = SessionOwner(host: self, eventLoop: channel.eventLoop, origin: origin, outcome: outcome)
        let handler = PeerChannelHandler(
            connection: connection(context.environment), delegate: ChannelSession(owner: owner))
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// Why a proven (or anonymous) peer may have no session; `nil` where it may.
    func refusal(of claim: PeerClaim, isInbound: Bool) -> PeerTable.Refusal? {
        if let refusal = table.refusal(of: claim.peer, context: claim.context, at: SystemClock.wall()) {
            return refusal
        }
        return isInbound ? kernel.refusal(of: claim.peer.node, settings: table.settings) : nil
    }

    /// Why this worker dials nobody now; `nil` where it does.
    var reluctance: ConnectFault? {
        if gate.isDraining { return ConnectFault(.overloaded, PeerGate.Refusal.draining.rawValue) }
        return kernel.refusal(of: nil, settings: table.settings).map { ConnectFault(.overloaded, $0.rawValue) }
    }

    /// A session stands: it is entered, told what we have, and of two with one node one is closed.
    func entered(_ session: SessionEndpoint, _ proof: PeerProof?, shown: WorkerCredentials?) -> KernelState.Entry {
        let secret = session.way.isResumable && session.isInbound ? session.resumptionSecret : []
        let entry = kernel.established(session, secret: secret, own: own, settings: table.settings)
        guard case .entered(let loser) = entry else { return entry }
        kernel.metrics.sessionsEstablished.add()
        kernel.logger.debug(
            "Session established", metadata: ["session": "\(session.id)", "peer": "\(session.peer.text)"])
        session.tell(extenders: kernel.extenders)
        noteSighting(of: session, proof)
        tellIfRenewed(session, since: shown)
        // What lets the peer go on elsewhere should be written down before this worker can die.
        if !secret.isEmpty { registry?.writeSoon() }
        loser?.eventLoop.execute { loser?.close(.duplicate) }
        // A rule or ban that came between admission and now found no session to close.
        if !mayStay(session) { session.eventLoop.execute { session.close(.notAllowed) } }
        return entry
    }

    /// A session with a peer stands or stood until now.
    func noteSighting(of session: SessionEndpoint, _ proof: PeerProof?) {
        guard let proof, let node = session.peer.node else { return }
        registry?.note(
            PeerSighting(
                node: node, bundleHash: proof.bundleHash, features: proof.features, isRelay: nil,
                record: [], at: SystemClock.wall()))
    }

    /// A connection that another node opened ended before a session stood.
    func failed(_ failure: SessionFailure, refusal: PeerTable.Refusal?, peer: NodeUUID?, address: String) {
        let reason = refusal?.rawValue ?? failure.words
        kernel.metrics.handshakesFailed.add()
        if refusal != nil { kernel.metrics.sessionsRefused.add() }
        noteRefusal(of: peer, at: address, isInbound: true, reason)
        kernel.logger.notice(
            "Connection refused",
            metadata: [
                "peer": "\(peer.map(\.description) ?? "unknown")", "address": "\(address)", "reason": "\(reason)",
            ])
    }

    func noteRefusal(of peer: NodeUUID?, at address: String, isInbound: Bool, _ reason: String) {
        registry?.note(
            RefusalRow(
                at: SystemClock.wall(), isInbound: isInbound, node: peer,
                address: String(address.prefix(StoreLimit.addressBytes)), reason: reason,
                worker: kernel.metrics.worker))
    }

    /// How long a peer that was dialled may take to say its first word after the handshake.
    var admissionTime: TimeAmount { TimeAmount(table.settings[NodeSettings.handshakeTimeout]) }

    /// Decisions or settings changed: sessions that may no longer be are closed, and those that could come back do not.
    func recheck() { recheck { _ in true } }

    /// A ban began or ended: the same for sessions with its subject.
    func recheck(_ subject: AccessSubject) { recheck { $0.isOf(subject) } }

    private func recheck(where isMeant: (SessionEndpoint) -> Bool) {
        for session in kernel.sessions where isMeant(session) && !mayStay(session) {
            session.eventLoop.execute { [kernel] in
                session.close(.notAllowed)
                kernel.giveUp(session)  // where its way broke a moment ago
            }
        }
        for session in kernel.suspendedSessions where isMeant(session) && !mayStay(session) {
            session.eventLoop.execute { [kernel] in kernel.giveUp(session) }
        }
    }

    /// Whether access control and bans let a session be.
    func mayStay(_ session: SessionEndpoint) -> Bool {
        let wall = SystemClock.wall()
        if session.isInbound, let address = session.address, !gate.allows(address, at: wall) { return false }
        let peer = session.peer.node.map { SessionPeer.node($0, worker: 0, notAfter: wall) } ?? .anonymous
        return table.refusal(of: peer, context: session.isRelayed ? .endToEnd : .peer, at: wall) == nil
    }

    /// A session ended by a fault that costs reputation, if the node charges for faults. What is severe is written at once,
    /// so that all workers know of the ban that it brings within a second.
    func charge(_ fault: SessionFault) {
        let settings = table.settings
        guard settings[NodeSettings.reputationEnabled] else { return }
        kernel.metrics.reputationCharges.add()
        kernel.logger.notice(
            "A fault costs reputation",
            metadata: ["peer": "\(fault.subject)", "reason": "\(fault.fault.rawValue) fault"])
        registry?.charge(
            fault.subject, points: settings.reputationPolicy.points(of: fault.fault), atOnce: fault.fault == .severe)
    }

    /// The sessions with a node whose identity is not the one that was pinned are closed.
    func closeImpostor(_ node: NodeUUID) {
        kernel.logger.warning("A peer showed another identity than before", metadata: ["peer": "\(node)"])
        for session in kernel.sessions where session.peer.node == node {
            session.eventLoop.execute { session.close(.notAllowed) }
        }
        for session in kernel.suspendedSessions where session.peer.node == node {
            session.eventLoop.execute { [kernel] in kernel.giveUp(session) }
        }
    }
}

extension SessionEndpoint {
    /// Whether the session is with a node, or was opened from a block of addresses.
    fileprivate func isOf(_ subject: AccessSubject) -> Bool {
        switch subject {
        case .node(let node): peer.node == node
        case .block(let block): isInbound && address.map(block.contains) ?? false
        }
    }
}

extension PeerName {
    /// The peer as logs and listings name it.
    var text: String {
        switch self {
        case .node(let node): node.description
        case .anonymous: "anonymous"
        }
    }
}
