package import GateCrypto
package import GateModel
package import GateSession
package import GateWire
package import NIOCore

/// Takes what one connection of the peer protocol tells. Called on the channel's loop, in order; `closed` comes last.
package protocol PeerChannelDelegate: AnyObject {
    /// Whether a proven (or anonymous) peer may have a session.
    func admit(_ claim: PeerClaim) -> Bool
    /// Whether an extender is there that takes messages of this session.
    func takes(_ extender: ExtenderID) -> Bool
    /// The session stands, or one of its messages came.
    func received(_ event: PeerEvent, on channel: PeerChannelHandler)
    /// All that one read brought was delivered: the moment to flush.
    func batchEnded(on channel: PeerChannelHandler)
    /// The connection has ended.
    func closed(_ failure: SessionFailure)
}

/// Drives one `PeerConnection` over a TCP channel: bytes, time and writability in; nothing is decided here.
package final class PeerChannelHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var connection: PeerConnection
    private let delegate: any PeerChannelDelegate
    private var context: ChannelHandlerContext?
    private var events: [PeerEvent] = []
    private var output = ByteBuffer()
    private var timer: Scheduled<Void>?
    /// When the timer fires.
    private var timerDeadline = MonotonicInstant(nanoseconds: .max)
    private var hasEnded = false
    /// What came and is not read yet, while the connection reads nothing.
    private var kept = ByteBuffer()
    /// Whether the channel wants to read, and may not yet.
    private var isReadHeld = false
    /// Why the machine ended the connection: closing the channel tells of its end before it returns.
    private var ending: SessionFailure?
    /// Where puzzles are solved; `nil` for the process's threads, which are not made before there is a puzzle.
    private let solver: PuzzleSolver?
    /// The puzzle that the handshake waits for.
    private var solving: PuzzleWork?
    /// Reads what nobody wants, once that is so.
    private var drain: SlowDrain?

    /// Sealed at once: a few records, so that a flush is few system calls.
    static let sealBytes = 256 * 1024
    /// A buffer larger than this is given back when nothing waits, so that an idle connection is small.
    static let keptBytes = 2048

    package init(
        connection: consuming PeerConnection, delegate: any PeerChannelDelegate, solver: PuzzleSolver? = nil
    ) {
        self.solver = solver
        self.connection = connection
        self.delegate = delegate
    }

    // MARK: For the delegate

    package func enqueue(_ message: SessionMessage) { connection.enqueue(message) }

    package func makeAlias() -> UInt32? { connection.makeAlias() }

    /// What proves that the session is to go on elsewhere, also after its end; `nil` before it stands, and where no
    /// protected memory is left.
    package func resumptionSecret() -> Secret? {
        do { return try connection.resumptionSecret() } catch { return nil }
    }

    /// Bytes that the session holds back; what the socket holds is bounded by the watermark.
    package var queuedBytes: Int { connection.queuedBytes }

    /// Bytes that were sealed and that the socket has not taken.
    package var pendingBytes: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    /// Bytes of all records so far; sealed only as the socket takes them.
    package var sealedBytes: UInt64 { connection.sealedBytes }

    /// Seals and sends what waits, as far as the socket takes it.
    package func flush() {
        guard let context, !hasEnded else { return }
        var hasWritten = false
        while connection.isSendable, context.channel.isWritable {
            output.clear(minimumCapacity: min(connection.queuedBytes + 256, PeerChannelHandler.sealBytes + 65_536))
            connection.seal(into: &output, budget: PeerChannelHandler.sealBytes)
            guard output.readableBytes > 0 else { break }
            context.writeAndFlush(wrapOutboundOut(output), promise: nil)
            hasWritten = true
        }
        connection.settle()
        guard hasWritten else { return }
        if output.capacity > PeerChannelHandler.keptBytes, !connection.isSendable { output = ByteBuffer() }
        hasten(context)
    }

    package func close(_ reason: SessionCloseReason) {
        guard !hasEnded else { return }
        connection.close(reason, events: &events)
        report()
    }

    // MARK: ChannelDuplexHandler

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded else { return }
        var input = unwrapInboundIn(data)
        if kept.readableBytes > 0 {
            kept.writeBuffer(&input)
            swap(&kept, &input)
            kept = ByteBuffer()
        }
        take(&input, context)
    }

    private func take(_ input: inout ByteBuffer, _ context: ChannelHandlerContext) {
        output.clear()
        connection.received(
            &input, at: SystemClock.now(), wall: SystemClock.wall(), admit: { delegate.admit($0) },
            takes: { delegate.takes($0) }, into: &output, events: &events)
        if input.readableBytes > 0 { kept = input }
        sendOutput(context)
        if connection.isDiscarding, drain == nil { drain = SlowDrain(context) }
        followPuzzle(context)
        hasten(context)
        report()
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        if !hasEnded { delegate.batchEnded(on: self) }
        drain?.readCompleted(context)
        context.fireChannelReadComplete()
    }

    /// The peer waits for as long as the connection reads nothing.
    package func read(context: ChannelHandlerContext) {
        guard connection.resumesReading != nil, !hasEnded else { return context.read() }
        isReadHeld = true
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        // Through the delegate: who waits for room in the session hears of it, too.
        if context.channel.isWritable, !hasEnded { delegate.batchEnded(on: self) }
        context.fireChannelWritabilityChanged()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        drain?.cancel()
        end(.closedByPeer(.goingAway))
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    package func handlerRemoved(context: ChannelHandlerContext) {
        drain?.cancel()
        end(.closedByPeer(.goingAway))
        self.context = nil
    }

    // MARK: Driving

    private func start(_ context: ChannelHandlerContext) {
        guard timer == nil, !hasEnded else { return }
        output.clear()
        connection.start(at: SystemClock.now(), wall: SystemClock.wall(), into: &output, events: &events)
        sendOutput(context)
        schedule(context)
        report()
    }

    private func sendOutput(_ context: ChannelHandlerContext) {
        guard output.readableBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(output), promise: nil)
        output = ByteBuffer()
    }

    /// Has a puzzle solved that the connection was given; abandons one that it has no more.
    private func followPuzzle(_ context: ChannelHandlerContext) {
        guard let puzzle = connection.puzzle else { return abandonPuzzle() }
        guard solving == nil else { return }
        let work = PuzzleWork(puzzle)
        solving = work
        (solver ?? .shared).solve(work, on: context.eventLoop).assumeIsolated().whenSuccess { solution in
            if let solution { self.solved(solution) }
        }
    }

    private func abandonPuzzle() {
        solving?.abandon()
        solving = nil
    }

    private func solved(_ solution: UInt64) {
        guard let context, !hasEnded, solving != nil else { return }
        solving = nil
        output.clear()
        connection.solved(
            solution, at: SystemClock.now(), wall: SystemClock.wall(), into: &output, events: &events)
        sendOutput(context)
        hasten(context)
        report()
    }

    private func report() {
        guard !events.isEmpty else { return }
        var batch: [PeerEvent] = []
        swap(&batch, &events)
        for event in batch {
            if case .closed(let failure) = event {
                ending = failure
                goodbye(isSilent: failure.isSilent)
                end(failure)
            } else {
                delegate.received(event, on: self)
            }
        }
        guard events.isEmpty else { return report() }
        batch.removeAll(keepingCapacity: batch.capacity <= 64)
        events = batch
    }

    /// The last bytes, if there are some, then the end of the connection: to whom it may tell nothing never as a reset.
    private func goodbye(isSilent: Bool) {
        guard let context, !hasEnded else { return }
        output.clear()
        connection.seal(into: &output, budget: PeerChannelHandler.sealBytes)
        sendOutput(context)
        guard isSilent, context.channel.isActive else { return context.close(promise: nil) }
        let drain = drain ?? SlowDrain(context)
        self.drain = drain
        drain.linger(context)
    }

    private func end(_ failure: SessionFailure) {
        guard !hasEnded else { return }
        hasEnded = true
        abandonPuzzle()
        timer?.cancel()
        timer = nil
        delegate.closed(ending ?? failure)
    }

    /// Deadlines mostly move later, and a timer that fires early asks again; one that moved forward needs a new timer.
    private func hasten(_ context: ChannelHandlerContext) {
        guard !hasEnded, let deadline = connection.nextDeadline, deadline < timerDeadline else { return }
        schedule(context)
    }

    private func schedule(_ context: ChannelHandlerContext) {
        guard let deadline = connection.nextDeadline else { return }
        timer?.cancel()
        timerDeadline = deadline
        let left = max(deadline.nanoseconds - SystemClock.now().nanoseconds, 1_000_000)
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(left)) { self.fire() }
    }

    private func fire() {
        guard let context, !hasEnded else { return }
        connection.deadlinePassed(at: SystemClock.now(), events: &events)
        report()
        if !hasEnded { readOn(context) }
        guard !hasEnded else { return }
        delegate.batchEnded(on: self)
        schedule(context)
    }

    /// Takes what was kept, and more of the channel, if that is due.
    private func readOn(_ context: ChannelHandlerContext) {
        if connection.resumesReading == nil, kept.readableBytes > 0 {
            var input = kept
            kept = ByteBuffer()
            take(&input, context)
        }
        guard isReadHeld, connection.resumesReading == nil else { return }
        isReadHeld = false
        context.read()
    }
}
