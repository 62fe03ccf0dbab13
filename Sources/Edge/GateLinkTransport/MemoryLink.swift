package import GateLink
import GateModel
import GateTelemetry
import Logging
import NIOCore

/// One end of a link within the process. Frames are handed over as values, in batches, never encoded.
final class MemoryLink: Link {
    static let highWatermark = 1 << 20
    static let lowWatermark = 512 << 10

    fileprivate var other: MemoryLink?
    private var outgoing: [LinkFrame] = []
    /// Data and payload bytes that the other end has not been given yet.
    private var waitingBytes = 0
    private var isFlushing = false
    private var isAboveWatermark = false

    override var isWritable: Bool { isOpen && !isAboveWatermark }

    override func write(_ frame: LinkFrame) {
        outgoing.append(frame)
        waitingBytes += frame.payloadBytes
        if waitingBytes > MemoryLink.highWatermark { isAboveWatermark = true }
    }

    override func flush() {
        guard !isFlushing, !outgoing.isEmpty else { return }
        isFlushing = true
        eventLoop.assumeIsolated().execute { self.deliver() }
    }

    override func sever() {
        outgoing = []
        other?.outgoing = []
        disconnect()
    }

    override func disconnect() {
        deliver()
        guard let other = self.other else { return }
        self.other = nil
        other.other = nil
        eventLoop.assumeIsolated().execute { other.closed(failure: .connection("closed by the other side")) }
    }

    private func deliver() {
        isFlushing = false
        let frames = outgoing
        outgoing.removeAll(keepingCapacity: true)
        waitingBytes = 0
        if let other {
            for frame in frames {
                guard other.isOpen else { break }
                if let failure = other.dispatch(frame) {
                    other.closed(failure: failure)
                    other.disconnect()
                }
            }
            other.batchCompleted()
        }
        guard isAboveWatermark else { return }
        isAboveWatermark = false
        writabilityChanged()
    }
}

extension LinkFrame {
    fileprivate var payloadBytes: Int {
        switch self {
        case .streamData(_, let bytes), .watchEvent(_, let bytes): bytes.readableBytes
        case .message(let message): message.payload.readableBytes
        case .request(_, let request): request.body.readableBytes
        case .reply(_, let reply): reply.body.readableBytes
        case .hello, .welcome, .ping, .pong, .drain, .goAway, .attach, .attached, .refused, .peerEvent, .receipt,
            .peerCredit, .connect, .connected, .connectFailed, .streamOpen, .streamCredit, .streamAcknowledged,
            .streamFinish, .streamReset, .streamDone, .streamResume, .streamsResumed, .goOn, .taken, .cancel:
            0
        }
    }
}

/// A service that is reached within the process: same admission, delegate and responder, no TLS.
package final class MemoryLinkServer: Sendable {
    private let name: LinkName
    private let service: LinkService

    /// Serves as `name`.
    package init(name: LinkName, service: LinkService) {
        self.name = name
        self.service = service
    }

    /// Connects and stays until the link has ended; says whether it was ever open.
    func serve(
        _ dialler: LinkName, attach: LinkAttach?, expects: LinkRoleKind, dialling: LinkService,
        requester: LinkRequester, eventLoop: any EventLoop, logger: Logger
    ) async -> Bool {
        let distant = UnixTime(seconds: .max)
        let peer = LinkPeer(name: dialler, notAfter: distant, address: "this process")
        guard expects == name.role.kind, service.accepts.contains(dialler.role.kind),
            let (grant, attached) = await admitted(peer, attach, logger)
        else { return false }
        let pair = NIOLoopBoundBox<MemoryLink?>.makeEmptyBox(valueType: MemoryLink.self, eventLoop: eventLoop)
        let leave: @Sendable (LinkGoAway) -> Void = { goAway in
            eventLoop.execute { pair.value?.close(goAway) }
        }
        let near = LinkConversation(
            eventLoop: eventLoop, service: dialling, isDialled: true, admitted: { _ in }, leave: leave)
        let far = LinkConversation(
            eventLoop: eventLoop, service: service, isDialled: false, admitted: { _ in }, leave: leave)
        eventLoop.execute {
            let answering = LinkPeer(name: self.name, notAfter: distant, address: "this process")
            let nearLink = MemoryLink(
                eventLoop: eventLoop, peer: answering,
                terms: Link.Terms(
                    isDialled: true, grant: grant, attach: attach, attached: attached,
                    requestsMax: self.service.requestsMax, version: LinkVersions.current.highest),
                delegate: dialling.makeDelegate?(answering, eventLoop), requester: requester, desk: near.desk.value)
            let farLink = MemoryLink(
                eventLoop: eventLoop, peer: peer,
                terms: Link.Terms(
                    isDialled: false, grant: grant, attach: attach, requestsMax: dialling.requestsMax),
                delegate: self.service.makeDelegate?(peer, eventLoop), requester: LinkRequester(eventLoop: eventLoop),
                desk: far.desk.value)
            nearLink.other = farLink
            farLink.other = nearLink
            pair.value = nearLink
            farLink.opened()
            nearLink.opened()
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await near.run() }
            group.addTask { await far.run() }
        }
        return true
    }

    private func admitted(
        _ peer: LinkPeer, _ attach: LinkAttach?, _ logger: Logger
    ) async -> (LinkGrant, LinkAttached?)? {
        var reception = LinkReception(peer.name)
        let hello = LinkHello(versions: .current, program: service.program, requestsMax: 1)
        _ = reception.received(.hello(hello), worker: service.worker)
        var action = reception.decided(await service.admit(peer), program: service.program, requestsMax: 1)
        if case .send = action, let attach {
            action = reception.received(.attach(attach), worker: service.worker)
        }
        switch action {
        case .open(.attached(let attached), let grant, _): return (grant, attached)
        case .open(_, let grant, _): return (grant, nil)
        case .refuse(let refusal):
            logger.warning(
                "link refused",
                metadata: [LogKey.link: "\(peer.name)", LogKey.reason: "\(LinkFailure.refusing(refusal))"])
            return nil
        case .send, .decide, .close, nil: return nil
        }
    }
}
