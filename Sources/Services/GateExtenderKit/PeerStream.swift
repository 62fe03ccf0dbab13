public import GateModel
public import NIOCore

/// A stream to the same extender at a peer: bytes in order, acknowledged and flow-controlled from handler to handler.
///
/// Reading is `for try await bytes in stream.bytes`; what one turn of the loop got counts as consumed when the next turn
/// begins, and only then does the other side get credit for more. Writing returns when the bytes have gone to the node,
/// so a slow peer slows its writer. A stream that is dropped without ``finish()`` is reset.
public final class PeerStream: Sendable {
    /// The stream's name, the same at both ends.
    public let id: StreamID
    /// Whom it reaches.
    public let peer: PeerIdentity
    /// Whether this node's operator allowed the peer by its UUID. `false` for anonymous peers, for nodes that are let in
    /// because `access.default` says so, and for streams that were opened here.
    public let isPeerAllowed: Bool
    /// The session that carries it.
    package let session: SessionID
    /// The event loop that it lives on; channels on the same loop are spliced without crossing threads.
    public let eventLoop: any EventLoop

    private let stream: NIOLoopBound<LinkedStream>
    private let mailbox: StreamMailbox

    /// To be called on the link's event loop.
    init(_ stream: LinkedStream, core: ExtenderCore) {
        id = stream.id
        peer = stream.peer
        isPeerAllowed = stream.isPeerAllowed
        session = stream.session
        eventLoop = core.eventLoop
        mailbox = StreamMailbox(window: core.limits.streamWindow)
        stream.sink = mailbox
        self.stream = NIOLoopBound(stream, eventLoop: core.eventLoop)
    }

    deinit {
        eventLoop.execute { [stream] in
            stream.value.abandon()
            stream.value.flush()
        }
    }

    /// What the other side sends, piece by piece, until it finishes. Throws ``ExtenderFailure`` when the stream is reset.
    /// For one reader; a second one competes for the pieces.
    public var bytes: Bytes { Bytes(stream: self) }

    /// The next piece; `nil` after the other side's finish.
    public func read() async throws -> ByteBuffer? {
        let (reading, due) = mailbox.next()
        if due > 0 { giveBack(due) }
        guard case .nothing = reading else { return try value(of: reading) }
        return try value(of: await mailbox.wait())
    }

    /// Sends bytes; returns when all of them have gone to the node. Throws when the stream is reset. A task that is
    /// cancelled meanwhile resets the stream, since nobody could tell what was sent.
    public func write(_ bytes: ByteBuffer) async throws {
        try await withTaskCancellationHandler {
            let gone = eventLoop.makePromise(of: Void.self)
            eventLoop.execute { [stream, mailbox] in
                let stream = stream.value
                if let code = stream.machine.resetCode { return gone.fail(ExtenderFailure.reset(code)) }
                guard !stream.isSendingOver else { return gone.fail(ExtenderFailure(.finished)) }
                stream.write(bytes)
                stream.flush()
                if stream.acceptsMore { gone.succeed(()) } else { mailbox.wait(gone) }
            }
            try await gone.futureResult.get()
        } onCancel: {
            reset(.cancelled)
        }
    }

    /// Sends no more. The other direction goes on.
    public func finish() {
        eventLoop.execute { [stream] in
            stream.value.finish()
            stream.value.flush()
        }
    }

    /// Ends both directions at once; what is on the way is dropped.
    public func reset(_ code: StreamResetCode) {
        eventLoop.execute { [stream, mailbox] in
            guard !stream.value.machine.isSettled else { return }
            stream.value.reset(code)
            stream.value.flush()
            mailbox.receivedReset(code)
        }
    }

    /// Bytes that the other side's handler has consumed.
    public var acknowledgedByteCount: UInt64 {
        get async throws { try await eventLoop.submit { [stream] in stream.value.machine.acknowledgedOffset }.get() }
    }

    /// Bytes that came and are held here, at most the window.
    package var heldByteCount: Int {
        get async throws { try await eventLoop.submit { [stream] in stream.value.machine.unconsumedCount }.get() }
    }

    /// Joins the stream with a channel until both directions are over, and closes the channel: no task, no `await` per
    /// piece, back-pressure and half-close both ways. The channel must allow remote half-closure and have `autoRead` off;
    /// it is switched on. Nobody may read or write the stream meanwhile.
    ///
    /// - Parameters:
    ///   - prefix: bytes that were read from the stream and belong to the channel.
    ///   - prepare: runs on the channel's event loop once the splice is its last handler; the place to remove an earlier
    ///     handler, whose last bytes then flow into the stream.
    @discardableResult
    public func splice(
        with channel: any Channel, prefix: ByteBuffer = ByteBuffer(),
        prepare: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) async throws -> SplicedBytes {
        let done = channel.eventLoop.makePromise(of: SplicedBytes.self)
        if channel.eventLoop === eventLoop {
            eventLoop.execute { [stream, mailbox] in
                let stream = stream.value
                let handler = SpliceHandler(port: stream, done: done)
                install(handler, on: channel, prefix, prepare, done)
                stream.sink = handler
                stream.consumed(mailbox.empty(into: handler))
                stream.flush()
            }
        } else {
            spliceAcrossLoops(with: channel, prefix, prepare, done)
        }
        return try await withTaskCancellationHandler {
            try await done.futureResult.get()
        } onCancel: {
            channel.close(promise: nil)
        }
    }

    private func spliceAcrossLoops(
        with channel: any Channel, _ prefix: ByteBuffer, _ prepare: @escaping @Sendable (any Channel) throws -> Void,
        _ done: EventLoopPromise<SplicedBytes>
    ) {
        eventLoop.execute { [stream, mailbox, eventLoop] in
            let bridge = SpliceBridge(stream: stream.value, streamLoop: eventLoop, channelLoop: channel.eventLoop)
            channel.eventLoop.execute {
                let handler = SpliceHandler(port: bridge, done: done)
                bridge.handler = handler
                install(handler, on: channel, prefix, prepare, done)
            }
            let stream = stream.value
            stream.sink = bridge
            stream.consumed(mailbox.empty(into: bridge))
            stream.flush()
        }
    }

    private func giveBack(_ count: Int) {
        eventLoop.execute { [stream] in
            stream.value.consumed(count)
            stream.value.flush()
        }
    }

    private func value(of reading: StreamMailbox.Reading) throws -> ByteBuffer? {
        switch reading {
        case .bytes(let bytes): return bytes
        case .finished: return nil
        case .reset(let code): throw ExtenderFailure.reset(code)
        case .nothing: throw CancellationError()
        }
    }
}

/// Adds the splice's handler; the channel's event loop.
private func install(
    _ handler: SpliceHandler, on channel: any Channel, _ prefix: ByteBuffer,
    _ prepare: @Sendable (any Channel) throws -> Void, _ done: EventLoopPromise<SplicedBytes>
) {
    do {
        try channel.pipeline.syncOperations.addHandler(handler)
        if prefix.readableBytes > 0 { channel.writeAndFlush(prefix, promise: nil) }
        try prepare(channel)
        try channel.syncOptions?.setOption(.autoRead, value: true)
    } catch {
        done.fail(error)
        channel.close(promise: nil)
    }
}

extension PeerStream {
    /// A stream's incoming pieces.
    public struct Bytes: AsyncSequence, Sendable {
        let stream: PeerStream

        /// Reads piece by piece.
        public struct AsyncIterator: AsyncIteratorProtocol {
            let stream: PeerStream

            /// The next piece; `nil` after the other side's finish.
            public func next() async throws -> ByteBuffer? { try await stream.read() }
        }

        /// Begins, or goes on, where the stream is.
        public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: stream) }
    }
}
