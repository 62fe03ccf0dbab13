package import GateExtenderKit
package import GateLink
import GateLinkTransport
package import GateModel
package import NIOCore

/// Kernels of several nodes as one object, for tests of extenders: what one node's extender sends over its in-memory link
/// comes out of the other's, without sessions or sockets. All links must live on the one event loop that is given.
///
/// Credit is not policed: whoever exceeds it must be caught by the kit under test.
package final class FakeNodes: Sendable {
    private let kernel: NIOLoopBoundBox<FakeKernels>
    private let eventLoop: any EventLoop

    package init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        kernel = .makeBoxSendingValue(FakeKernels(), eventLoop: eventLoop)
    }

    /// How `extender` attaches at `node`.
    package func access(to node: NodeUUID, for extender: ExtenderID) -> NodeAccess {
        guard let kernelName = LinkName(node: node, role: .kernel, name: "kernel-1"),
            let name = LinkName(node: node, role: .extender(extender), name: "extender-1")
        else { preconditionFailure("the names are short") }
        let service = LinkService(
            accepts: [.extender], worker: "kernel-1",
            admit: { _ in .granted(.attaching(as: extender)) },
            makeDelegate: { [kernel] _, _ in FakeKernelLink(node: node, kernels: kernel.value) })
        return .memory([MemoryLinkServer(name: kernelName, service: service)], as: name)
    }

    /// From now on nodes are let in without being allowed by their UUID, as `access.default` can do.
    package func letStrangersIn() async throws {
        try await eventLoop.submit { self.kernel.value.allowsPeers = false }.get()
    }

    /// Ends every session, as when peers vanish.
    package func endSessions() async throws { try await eventLoop.submit { self.kernel.value.endSessions() }.get() }

    /// From now on sessions can come back.
    package func keepSessions() async throws {
        try await eventLoop.submit { self.kernel.value.areResumable = true }.get()
    }

    /// Breaks the way of every session: what is held back is lost.
    package func suspendSessions() async throws {
        try await eventLoop.submit { self.kernel.value.suspendSessions() }.get()
    }

    /// Has every session go on, in the next epoch; its streams may move.
    package func resumeSessions() async throws {
        try await eventLoop.submit { self.kernel.value.resumeSessions() }.get()
    }

    /// Tells extenders something about every session's first epoch, as a worker does that was superseded.
    package func tellStale(_ change: PeerChange.Kind) async throws {
        let change: LinkPeerEvent.Change =
            switch change {
            case .connected: .connected
            case .suspended: .suspended
            case .resumed: .resumed
            case .disconnected: .disconnected
            case .extendersChanged: .extendersChanged
            }
        try await eventLoop.submit { self.kernel.value.tell(change, epoch: 0) }.get()
    }

    /// Closes every link, as when workers die; keepers dial again.
    package func closeLinks() async throws { try await eventLoop.submit { self.kernel.value.closeLinks() }.get() }

    /// From now on data of streams is held back until ``release()``.
    package func hold() async throws { try await eventLoop.submit { self.kernel.value.isHolding = true }.get() }

    /// Delivers what was held.
    package func release() async throws { try await eventLoop.submit { self.kernel.value.release() }.get() }

    /// The connects that were asked for, in order.
    package var connects: [ConnectRequest] {
        get async throws { try await eventLoop.submit { self.kernel.value.connects }.get() }
    }
}

private final class FakeKernelLink: LinkDelegate {
    let node: NodeUUID
    let kernels: FakeKernels
    var link: Link?
    var nextAlias: UInt32 = 2

    init(node: NodeUUID, kernels: FakeKernels) {
        self.node = node
        self.kernels = kernels
    }

    func linkOpened(_ link: Link) {
        self.link = link
        kernels.links[node] = self
    }

    func received(_ frame: LinkFrame, on link: Link) { kernels.received(frame, from: self) }
    func batchCompleted(on link: Link) { kernels.flush() }
    func writabilityChanged(on link: Link) {}

    func linkClosed(_ link: Link, failure: LinkFailure?) {
        self.link = nil
        if kernels.links[node] === self { kernels.links[node] = nil }
        kernels.endSessions()
    }
}

private final class FakeKernels {
    struct End: Hashable {
        let node: NodeUUID
        let alias: UInt32
    }

    var links: [NodeUUID: FakeKernelLink] = [:]
    var sessions: [SessionID: [NodeUUID]] = [:]
    var peers: [SessionID: [NodeUUID: PeerName]] = [:]
    var streams: [End: End] = [:]
    var areResumable = false
    private var epoch: SessionEpoch = 0
    /// Ends that were reset.
    private var resets: [End: UInt32] = [:]
    /// Ends that one side has named.
    private var named: [StreamID: (End, LinkStreamResume)] = [:]
    var connects: [ConnectRequest] = []
    var isHolding = false
    var allowsPeers = true
    var held: [(LinkFrame, NodeUUID)] = []
    private var counter: UInt64 = 0

    func received(_ frame: LinkFrame, from link: FakeKernelLink) {
        switch frame {
        case .connect(let request): connect(request, from: link)
        case .streamOpen(let alias, let open): self.open(alias, open, from: link)
        case .streamData(let alias, let bytes): pass(alias, link) { .streamData(alias: $0, bytes) }
        case .streamCredit(let alias, let limit): pass(alias, link) { .streamCredit(alias: $0, limit: limit) }
        case .streamAcknowledged(let alias, let offset):
            pass(alias, link) { .streamAcknowledged(alias: $0, offset: offset) }
        case .streamFinish(let alias): pass(alias, link) { .streamFinish(alias: $0) }
        case .streamReset(let alias, let code):
            resets[End(node: link.node, alias: alias)] = code
            pass(alias, link) { .streamReset(alias: $0, code: code) }
        case .streamDone(let alias): pass(alias, link) { .streamDone(alias: $0) }
        case .streamResume(let alias, let resume): self.resume(alias, resume, from: link)
        case .message(let message): send(frame, to: other(of: message.session, than: link.node))
        case .peerCredit(let credit): send(frame, to: other(of: credit.session, than: link.node))
        default: break
        }
    }

    func flush() {
        for link in links.values { link.link?.flush() }
    }

    func release() {
        isHolding = false
        for (frame, node) in held { send(frame, to: node) }
        held = []
        flush()
    }

    func endSessions() {
        for (session, nodes) in sessions {
            for node in nodes {
                let peer = peers[session]?[node] ?? .anonymous
                let event = LinkPeerEvent(change: .disconnected, session: session, peer: peer, isRelayed: false)
                send(.peerEvent(event), to: node)
            }
        }
        sessions = [:]
        streams = [:]
        flush()
    }

    func suspendSessions() {
        tell(.suspended, epoch: epoch)
        streams = [:]
        named = [:]
        held = []
        isHolding = false
        flush()
    }

    func resumeSessions() {
        epoch += 1
        tell(.resumed, epoch: epoch)
    }

    func tell(_ change: LinkPeerEvent.Change, epoch: SessionEpoch) {
        for (session, nodes) in sessions {
            for node in nodes { send(.peerEvent(event(change, session, at: node, epoch)), to: node) }
        }
        flush()
    }

    private func event(
        _ change: LinkPeerEvent.Change, _ session: SessionID, at node: NodeUUID, _ epoch: SessionEpoch
    ) -> LinkPeerEvent {
        LinkPeerEvent(
            change: change, session: session, peer: peers[session]?[node] ?? .anonymous, isRelayed: false, epoch: epoch,
            isResumable: areResumable)
    }

    private func resume(_ alias: UInt32, _ resume: LinkStreamResume, from link: FakeKernelLink) {
        let end = End(node: link.node, alias: alias)
        guard let (other, offer) = named.removeValue(forKey: resume.id) else { return named[resume.id] = (end, resume) }
        if let code = resets[other] { return send(.streamReset(alias: end.alias, code: code), to: end.node) }
        streams[end] = other
        streams[other] = end
        send(.streamResume(alias: end.alias, offer), to: end.node)
        send(.streamResume(alias: other.alias, resume), to: other.node)
    }

    func closeLinks() {
        for link in links.values { link.link?.close(LinkGoAway(code: .stopping, reason: "test")) }
    }

    private func connect(_ request: ConnectRequest, from link: FakeKernelLink) {
        connects.append(request)
        guard let target = links[request.target] else {
            return send(
                .connectFailed(ConnectFailure(id: request.id, code: .unreachable, reason: "no such node")),
                to: link.node)
        }
        counter += 1
        let session = SessionID(UUIDBytes(high: 0, low: counter))
        sessions[session] = [link.node, target.node]
        let claim = request.anonymous ? PeerName.anonymous : .node(link.node)
        peers[session] = [link.node: .node(target.node), target.node: claim]
        let isRelayed = request.route != .direct
        for (node, peer) in peers[session] ?? [:] {
            let event = LinkPeerEvent(
                change: .connected, session: session, peer: peer, isRelayed: isRelayed, epoch: epoch,
                isResumable: areResumable && !isRelayed)
            send(.peerEvent(event), to: node)
        }
        send(.connected(ConnectSuccess(id: request.id, session: session)), to: link.node)
    }

    private func open(_ alias: UInt32, _ open: LinkStreamOpen, from link: FakeKernelLink) {
        guard let target = other(of: open.session, than: link.node), let far = links[target] else {
            return send(.streamReset(alias: alias, code: StreamResetCode.peerGone.rawValue), to: link.node)
        }
        let end = End(node: target, alias: far.nextAlias)
        far.nextAlias += 2
        streams[End(node: link.node, alias: alias)] = end
        streams[end] = End(node: link.node, alias: alias)
        var passed = open
        passed.peer = peers[open.session]?[target] ?? .anonymous
        passed.isPeerAllowed = allowsPeers && passed.peer != .anonymous
        send(.streamOpen(alias: end.alias, passed), to: target)
    }

    private func pass(_ alias: UInt32, _ link: FakeKernelLink, _ make: (UInt32) -> LinkFrame) {
        guard let end = streams[End(node: link.node, alias: alias)] else { return }
        send(make(end.alias), to: end.node)
    }

    private func send(_ frame: LinkFrame, to node: NodeUUID?) {
        guard let node else { return }
        if isHolding, case .streamData = frame { return held.append((frame, node)) }
        links[node]?.link?.send(frame)
    }

    private func other(of session: SessionID, than node: NodeUUID) -> NodeUUID? {
        sessions[session]?.first { $0 != node }
    }
}
