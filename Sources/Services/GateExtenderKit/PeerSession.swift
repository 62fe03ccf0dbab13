import GateLink
public import GateModel
public import NIOCore

/// A way to one peer: what streams are opened on and messages go over. Ends when the node or the peer says so.
public struct PeerSession: Sendable {
    /// The session's name.
    public let id: SessionID
    /// Whom it reaches.
    public let peer: PeerIdentity

    let link: LinkHandle
    private let core: ExtenderCore

    init(id: SessionID, peer: PeerIdentity, link: LinkHandle, core: ExtenderCore) {
        self.id = id
        self.peer = peer
        self.link = link
        self.core = core
    }

    /// The event loop that the session's streams live on.
    public var eventLoop: any EventLoop { link.eventLoop }

    /// The longest message.
    public static let messageBytesMax = LinkLimits.payloadBytesMax

    /// Opens a stream to the same extender there. Returns at once: `first` and what is written goes along with the open;
    /// whether the peer takes the stream shows when it is read.
    ///
    /// - Parameter first: bytes that go with the open, without another round trip; 64 KiB at most go before the peer
    ///   grants more.
    public func openStream(priority: Priority = .bulk, first: ByteBuffer = ByteBuffer()) async throws -> PeerStream {
        try await link.eventLoop.submit { [id, peer, link, core] in
            let link = link.link.value
            let stream = try link.openStream(on: id, peer: peer, priority: max(priority, .interactive))
            let face = PeerStream(stream, on: link, core: core)
            stream.write(first)
            link.flush()
            return face
        }.get()
    }

    /// Sends a whole message, at most once. Returns when the node has it, which a slow peer delays.
    ///
    /// - Parameter compresses: whether the node may compress it. Not where secrets stand beside text of somebody else.
    public func send(_ payload: ByteBuffer, priority: Priority = .bulk, compresses: Bool = true) async throws {
        guard payload.readableBytes <= Self.messageBytesMax else {
            throw ExtenderFailure(.overloaded, "a message has \(Self.messageBytesMax) bytes at most")
        }
        let message = LinkMessage(
            id: core.nextMessageID(), extender: core.extender, session: id, priority: max(priority, .interactive),
            compresses: compresses, payload: payload)
        let sent = link.eventLoop.makePromise(of: Void.self)
        link.eventLoop.execute { [link] in link.link.value.write(message, sent) }
        try await sent.futureResult.get()
    }
}

extension PeerMessage {
    /// A message on its way to the handler, with the credit that it gives back.
    struct Received: Sendable {
        let message: PeerMessage
        let link: LinkHandle

        /// The handler has consumed it.
        func consumed() {
            let count = message.payload.readableBytes
            let session = message.session.id
            link.eventLoop.execute { [link] in link.link.value.returnCredit(count, of: session) }
        }
    }
}
