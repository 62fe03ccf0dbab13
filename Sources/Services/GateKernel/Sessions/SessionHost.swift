import GateLink
import GateModel
import GateSession
import GateStore
import GateTransport
import GateCrypto
import GateWire
import Logging
import NIOCore
import Synchronization

/// What every session of a worker begins with and reports to, whatever carries it.
final class SessionHost: Sendable {
    let own: NodeUUID
    let kernel: KernelState
    let table: PeerTable
    private let contexts: [ObjectIdentifier: LoopContext]
    private let registry = Mutex<WorkerRegistry?>(nil)

    init(own: NodeUUID, kernel: KernelState, table: PeerTable, contexts: [LoopContext]) {
        self.own = own
        self.kernel = kernel
        self.table = table
        self.contexts = Dictionary(uniqueKeysWithValues: contexts.map { (ObjectIdentifier($0.eventLoop), $0) })
    }

    /// What everything on that loop shares; `nil` for a loop that is none of the worker's.
    func context(of eventLoop: any EventLoop) -> LoopContext? { contexts[ObjectIdentifier(eventLoop)] }

    func use(_ registry: WorkerRegistry) { self.registry.withLock { $0 = registry } }

    /// Puts the peer protocol on a connection; `dialling` is `nil` for one that another node opened.
    func install(
        on channel: any Channel, dialling node: NodeUUID?, anonymous: Bool, outcome: EventLoopPromise<SessionEndpoint>?
    ) throws {
        guard let context = context(of: channel.eventLoop) else { throw ChannelError.inappropriateOperationForState }
        let owner = SessionOwner(
            host: self, eventLoop: channel.eventLoop, isRelayed: false,
            address: channel.remoteAddress.map { "\($0)" } ?? "", outcome: outcome)
        let environment = context.environment
        let session = ChannelSession(owner: owner)
        let handler: PeerChannelHandler
        if let node {
            let presence = anonymous ? Presence.anonymous : .mutual(environment.credentials)
            handler = PeerChannelHandler(
                connection: PeerConnection(dialling: node, presence: presence, environment: environment),
                delegate: session)
        } else {
            handler = PeerChannelHandler(
                connection: PeerConnection(accepting: [.peer], environment: environment), delegate: session)
        }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    /// A session stands: it is entered, told what we have, and of two with one node one is closed.
    func entered(_ session: SessionEndpoint) {
        kernel.metrics.sessionsEstablished.add()
        kernel.logger.debug(
            "Session established", metadata: ["session": "\(session.id)", "peer": "\(session.peer.text)"])
        session.enqueue(.extenders(kernel.extenders))
        if let loser = kernel.established(session, own: own) {
            loser.eventLoop.execute { loser.close(.duplicate) }
        }
    }

    /// A connection ended before a session stood.
    func failed(_ failure: SessionFailure, refusal: PeerTable.Refusal?, peer: NodeUUID?, address: String) {
        let reason = refusal?.rawValue ?? SessionHost.words(failure)
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
        registry.withLock { $0 }?.note(
            RefusalRow(
                at: SystemClock.wall(), isInbound: isInbound, node: peer,
                address: String(address.prefix(StoreLimit.addressBytes)), reason: reason,
                worker: kernel.metrics.worker))
    }

    func note(_ sighting: PeerSighting) { registry.withLock { $0 }?.note(sighting) }

    /// Decisions or settings changed: sessions that may no longer be are closed.
    func recheck() {
        for session in kernel.sessions {
            guard case .node(let node) = session.peer else { continue }
            let peer = SessionPeer.node(node, worker: 0, notAfter: SystemClock.wall())
            if table.refusal(of: peer, context: session.isRelayed ? .endToEnd : .peer) != nil {
                session.eventLoop.execute { session.close(.notAllowed) }
            }
        }
    }

    private static func words(_ failure: SessionFailure) -> String {
        switch failure {
        case .unintelligible: "what came does not open: wrong UUID, secret or clock, a replay, or noise"
        case .handshakeFailed: "the handshake's cryptography failed"
        case .noCommonSuite: "no suite in common"
        case .certificateRefused: "the certificate does not hold"
        case .notAdmitted: "not admitted"
        case .handshakeTimedOut: "the handshake took too long"
        case .recordRefused: "a record's tag is wrong"
        case .protocolViolation: "the protocol was broken"
        case .limitExceeded: "a limit was exceeded"
        case .idle: "nothing was heard"
        case .closedByPeer(let reason): "the other side closed (\(reason.rawValue))"
        case .closed(let reason): "closed here (\(reason.rawValue))"
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
