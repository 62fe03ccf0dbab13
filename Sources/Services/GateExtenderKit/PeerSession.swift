import GateLink
public import GateModel
public import NIOCore

/// A way to one peer: what streams are opened on and messages go over. Ends when the node or the peer says so. While it
/// is suspended, new streams and messages wait until it is resumed, or fail when it ends.
public struct PeerSession: Sendable {
    /// The session's name.
    public let id: SessionID
    /// Whom it reaches.
    public let peer: PeerIdentity

    private let core: ExtenderCore

    init(id: SessionID, peer: PeerIdentity, core: ExtenderCore) {
        self.id = id
        self.peer = peer
        self.core = core
    }

    /// The event loop that the session's streams live on.
    public var eventLoop: any EventLoop { core.eventLoop }

    /// The longest message.
    public static let messageBytesMax = LinkLimits.payloadBytesMax

    /// The longest delay of a message.
    public static let delayMax = Duration.milliseconds(LinkLimits.delayMillisecondsMax)

    /// Opens a stream to the same extender there. Returns at once: `first` and what is written goes along with the open;
    /// whether the peer takes the stream shows when it is read.
    ///
    /// - Parameter first: bytes that go with the open, without another round trip; 64 KiB at most go before the peer
    ///   grants more.
    public func openStream(priority: Priority = .bulk, first: ByteBuffer = ByteBuffer()) async throws -> PeerStream {
        try await core.eventLoop.submit { [id, core] in
            guard let session = core.sessions[id] else { throw ExtenderFailure(.sessionEnded) }
            let stream = try session.open(max(priority, .interactive), limits: core.limits)
            let face = PeerStream(stream, core: core)
            stream.write(first)
            stream.flush()
            return face
        }.get()
    }

    /// Sends a whole message, at most once. Returns when the node has it, which a slow peer delays.
    ///
    /// - Parameters:
    ///   - compresses: whether the node may compress it. Not where secrets stand beside text of somebody else.
    ///   - delay: the node holds the message back for a random time of at most this, so that who watches can't tell what it
    ///     answers; rounded down to milliseconds. It may be overtaken, holds its bytes in the session's window meanwhile, and
    ///     is lost where the session is suspended or ends before. A node holds back 1,024 messages and
    ///     16 MiB of a replica at most.
    public func send(
        _ payload: ByteBuffer, priority: Priority = .bulk, compresses: Bool = true, delay: Duration = .zero
    ) async throws {
        guard payload.readableBytes <= Self.messageBytesMax else {
            throw ExtenderFailure(.overloaded, "a message has \(Self.messageBytesMax) bytes at most")
        }
        guard delay >= .zero, delay <= Self.delayMax else {
            throw ExtenderFailure(.overloaded, "a message is delayed by \(Self.delayMax) at most")
        }
        let message = LinkMessage(
            id: core.nextMessageID(), extender: core.extender, session: id, priority: max(priority, .interactive),
            compresses: compresses, delayMilliseconds: UInt32(delay / .milliseconds(1)), payload: payload)
        let sent = core.eventLoop.makePromise(of: Void.self)
        core.eventLoop.execute { [id, core] in
            guard let session = core.sessions[id] else { return sent.fail(ExtenderFailure(.sessionEnded)) }
            session.write(message, sent)
        }
        try await sent.futureResult.get()
    }

    fileprivate func consumed(_ count: Int, in epoch: SessionEpoch) {
        core.eventLoop.execute { [id, core] in core.sessions[id]?.consumed(count, in: epoch) }
    }
}

extension PeerMessage {
    /// A message on its way to the handler, with the credit that it gives back.
    struct Received: Sendable {
        let message: PeerMessage
        /// Of the session when it came; credit of an earlier epoch is not given back.
        let epoch: SessionEpoch

        /// The handler has consumed it.
        func consumed() { message.session.consumed(message.payload.readableBytes, in: epoch) }
    }
}
