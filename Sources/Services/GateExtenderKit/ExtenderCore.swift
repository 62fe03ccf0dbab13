import GateLink
package import GateModel
package import Logging
package import NIOCore
import Synchronization

/// What all links of one replica share. Handlers' work is handed over through bounded queues.
package final class ExtenderCore: Sendable {
    package let extender: ExtenderID
    package let name: String
    package let limits: ExtenderLimits
    /// Random; tells this replica from every other.
    package let replica: UInt64
    /// Where all links, sessions and streams of the replica live.
    package let eventLoop: any EventLoop
    /// Sees what comes over the links, where somebody wants to.
    let witness: (any AcceptanceWitness)?

    let streams: AsyncStream<PeerStream>
    let inputs: AsyncStream<PeerMessage.Received>
    let changes: AsyncStream<PeerChange>
    private let streamsContinuation: AsyncStream<PeerStream>.Continuation
    private let inputsContinuation: AsyncStream<PeerMessage.Received>.Continuation
    private let changesContinuation: AsyncStream<PeerChange>.Continuation
    private let book: NIOLoopBoundBox<ReplicaSessions>
    private let messageCounter = Atomic<UInt64>(0)
    private let handlers: Mutex<SharedPlaces<SessionID>>
    private let roster = Mutex(Roster())

    package init(
        extender: ExtenderID, name: String, limits: ExtenderLimits, replica: UInt64, eventLoop: any EventLoop,
        witness: (any AcceptanceWitness)? = nil, logger: Logger
    ) {
        self.extender = extender
        self.witness = witness
        self.name = name
        self.limits = limits
        self.replica = replica
        self.eventLoop = eventLoop
        let holdings = StreamHoldings(bytesMax: limits.heldMax, eventLoop: eventLoop, logger: logger)
        book = .makeBoxSendingValue(ReplicaSessions(holdings: holdings), eventLoop: eventLoop)
        handlers = Mutex(SharedPlaces(total: limits.handlersMax, share: limits.handlersPerSessionMax))
        (streams, streamsContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(limits.waitingMax))
        (inputs, inputsContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(limits.waitingMax))
        (changes, changesContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(limits.waitingMax))
    }

    /// The replica's sessions; on its event loop.
    var sessions: ReplicaSessions { book.value }

    func nextMessageID() -> UInt64 {
        replica ^ (messageCounter.add(1, ordering: .relaxed).newValue &* 0x9e37_79b9_7f4a_7c15)
    }

    // MARK: from links

    func attached(_ link: WorkerLink, node: NodeUUID) {
        let handle = LinkHandle(link)
        let waiters = roster.withLock { $0.attach(handle, node) }
        for waiter in waiters { waiter.finish() }
    }

    func detached(_ link: WorkerLink) {
        let id = ObjectIdentifier(link)
        roster.withLock { $0.detach(id) }
    }

    /// Whether the stream's handler will run; ``handled(_:)`` is due when it has.
    func offer(_ stream: PeerStream) -> Bool {
        guard handlers.withLock({ $0.take(for: stream.session) }) else { return false }
        if case .enqueued = streamsContinuation.yield(stream) { return true }
        handled(stream)
        return false
    }

    /// A stream's handler is done.
    func handled(_ stream: PeerStream) { handlers.withLock { $0.leave(stream.session) } }

    /// Whether the message's handler will run.
    func offer(_ message: PeerMessage.Received) -> Bool {
        if case .enqueued = inputsContinuation.yield(message) { return true }
        return false
    }

    func report(_ kind: PeerChange.Kind, _ session: LinkedSession) {
        let face = PeerSession(id: session.id, peer: session.peer, core: self)
        if kind == .disconnected {
            roster.withLock { $0.disconnected(session.id) }
        } else if !session.isRelayed, session.peer != .anonymous {
            let link = session.link.map(ObjectIdentifier.init)
            roster.withLock { $0.direct[session.id] = (face, link) }
        }
        changesContinuation.yield(
            PeerChange(
                kind: kind, peer: session.peer, session: face, isRelayed: session.isRelayed,
                hasExtender: session.hasExtender))
    }

    // MARK: from users

    /// The node that this replica serves, once a worker has attached it.
    var node: NodeUUID? { roster.withLock { $0.node } }

    var attachedLinks: [LinkHandle] { roster.withLock { $0.links } }

    /// Returns once a worker is attached, or on cancellation.
    func attached() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        roster.withLock { $0.await(continuation) }
        for await _ in stream {}
    }

    /// Sessions without relays that there are.
    var directSessions: [PeerSession] { roster.withLock { $0.direct.values.map(\.session) } }

    /// The links that a connect may go to, the best first: the one that carries a direct session to the node, then in the
    /// order in which all extenders choose workers for this node and isolation key, so that no two workers dial for the
    /// same.
    func links(to target: NodeUUID, route: PeerRoute, isolation: String) -> [LinkHandle] {
        roster.withLock { $0.choose(target, route, isolation) }
    }

    func finish() {
        streamsContinuation.finish()
        inputsContinuation.finish()
        changesContinuation.finish()
    }
}

/// A link as other threads hold it.
struct LinkHandle: Sendable {
    let id: ObjectIdentifier
    let worker: String
    let link: NIOLoopBound<WorkerLink>

    /// Greatest for the worker that the key prefers.
    fileprivate func weight(for key: UInt64) -> UInt64 {
        Rendezvous.weight(of: Rendezvous.number(of: worker.utf8), for: key)
    }

    /// To be called on the link's event loop.
    init(_ link: WorkerLink) {
        id = ObjectIdentifier(link)
        worker = link.worker
        self.link = NIOLoopBound(link, eventLoop: link.eventLoop)
    }
}

/// Which links are attached and which sessions they hold.
private struct Roster {
    private(set) var links: [LinkHandle] = []
    /// Sessions without relays to peers that showed who they are, and the links that carry them; none while suspended.
    var direct: [SessionID: (session: PeerSession, link: ObjectIdentifier?)] = [:]
    private(set) var node: NodeUUID?
    private var waiters: [AsyncStream<Void>.Continuation] = []

    mutating func attach(_ link: LinkHandle, _ node: NodeUUID) -> [AsyncStream<Void>.Continuation] {
        self.node = node
        links.append(link)
        defer { waiters = [] }
        return waiters
    }

    mutating func await(_ waiter: AsyncStream<Void>.Continuation) {
        if links.isEmpty { waiters.append(waiter) } else { waiter.finish() }
    }

    mutating func detach(_ id: ObjectIdentifier) { links.removeAll { $0.id == id } }

    mutating func disconnected(_ session: SessionID) { direct[session] = nil }

    func choose(_ target: NodeUUID, _ route: PeerRoute, _ isolation: String) -> [LinkHandle] {
        let isDirect = route == .direct
        let carrier = isDirect ? direct.values.first { $0.session.peer == .node(target) }?.link : nil
        let key = Rendezvous.number(of: target.value.bytes + Array((isDirect ? "" : isolation).utf8))
        return links.sorted { one, other in
            if one.id == carrier || other.id == carrier { return one.id == carrier && other.id != carrier }
            return one.weight(for: key) > other.weight(for: key)
        }
    }
}
