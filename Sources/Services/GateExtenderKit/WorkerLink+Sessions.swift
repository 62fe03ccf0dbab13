import GateLink
import GateModel
import NIOCore

/// What a link knows of one session: whom it reaches, and the credit for messages in both directions.
final class LinkedSession {
    let peer: PeerIdentity
    let isRelayed: Bool
    /// Payload bytes that may be sent in all, and that were.
    private var sendLimit: UInt64 = 0
    private var sentCount: UInt64 = 0
    /// Payload bytes that the handler has consumed, and up to where the kernel was told that it may send.
    private var consumedCount: UInt64 = 0
    private var grantedLimit: UInt64
    private let window: UInt64
    private var waiting = CircularBuffer<(message: LinkMessage, promise: EventLoopPromise<Void>)>()

    init(peer: PeerIdentity, isRelayed: Bool, window: UInt64) {
        self.peer = peer
        self.isRelayed = isRelayed
        self.window = window
        grantedLimit = window
    }

    /// The most messages that wait for credit; writers beyond are refused.
    static let waitingMax = 1024

    func write(_ message: LinkMessage, _ promise: EventLoopPromise<Void>, over link: WorkerLink) {
        guard waiting.count < Self.waitingMax else { return promise.fail(ExtenderFailure(.overloaded)) }
        waiting.append((message, promise))
        pump(over: link)
    }

    func received(limit: UInt64, over link: WorkerLink) {
        sendLimit = max(sendLimit, limit)
        pump(over: link)
    }

    /// The new limit to tell the kernel, once half a window is due.
    func consumed(_ count: Int) -> UInt64? {
        consumedCount += UInt64(count)
        guard consumedCount + window >= grantedLimit + window / 2 else { return nil }
        grantedLimit = consumedCount + window
        return grantedLimit
    }

    func fail() {
        for (_, promise) in waiting { promise.fail(ExtenderFailure(.sessionEnded)) }
        waiting.removeAll()
    }

    private func pump(over link: WorkerLink) {
        while let next = waiting.first, sentCount + UInt64(next.message.payload.readableBytes) <= sendLimit {
            waiting.removeFirst()
            sentCount += UInt64(next.message.payload.readableBytes)
            link.send(.message(next.message))
            next.promise.succeed(())
        }
        link.flush()
    }
}

extension WorkerLink {
    func received(_ event: LinkPeerEvent) {
        let peer = PeerIdentity(event.peer)
        let hasExtender = event.extenders.contains(core.extender)
        switch event.change {
        case .connected:
            guard sessions[event.session] == nil else { return }
            sessions[event.session] = LinkedSession(
                peer: peer, isRelayed: event.isRelayed, window: core.limits.messageWindow)
            send(.peerCredit(LinkPeerCredit(session: event.session, limit: core.limits.messageWindow)))
            core.report(.connected, peer, event.session, self, event.isRelayed, hasExtender)
        case .suspended: core.report(.suspended, peer, event.session, self, event.isRelayed, hasExtender)
        case .resumed: core.report(.resumed, peer, event.session, self, event.isRelayed, hasExtender)
        case .extendersChanged:
            core.report(.extendersChanged, peer, event.session, self, event.isRelayed, hasExtender)
        case .disconnected:
            endStreams(of: event.session)
            sessions.removeValue(forKey: event.session)?.fail()
            core.report(.disconnected, peer, event.session, self, event.isRelayed, hasExtender)
        }
    }

    func received(_ credit: LinkPeerCredit) {
        sessions[credit.session]?.received(limit: credit.limit, over: self)
    }

    func received(_ message: LinkMessage) {
        let count = message.payload.readableBytes
        guard let session = sessions[message.session] else { return }
        let handle = LinkHandle(self)
        let delivered = PeerMessage.Received(
            message: PeerMessage(
                session: PeerSession(id: message.session, peer: session.peer, link: handle, core: core),
                payload: message.payload, priority: message.priority),
            link: handle)
        if !core.offer(delivered) { returnCredit(count, of: message.session) }
    }

    func returnCredit(_ count: Int, of session: SessionID) {
        guard let limit = sessions[session]?.consumed(count) else { return }
        send(.peerCredit(LinkPeerCredit(session: session, limit: limit)))
        flush()
    }

    func write(_ message: LinkMessage, _ promise: EventLoopPromise<Void>) {
        guard let session = sessions[message.session] else { return promise.fail(ExtenderFailure(.sessionEnded)) }
        session.write(message, promise, over: self)
    }
}
