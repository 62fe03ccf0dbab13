import NIOCore

/// Reads on a connection what nobody wants, a little at a time: what is sent faster waits at its sender, whose window
/// closes. A connection that says nothing costs nothing.
///
/// Also ends such a connection: its own side first, then, after ``lingerTime`` in which it reads on, the whole. A socket
/// that is closed with bytes unread is reset, which would tell what was sent.
final class SlowDrain {
    /// Between two reads of ``PeerBootstrap/readBytes`` at most.
    static let pause = TimeAmount.milliseconds(250)
    /// The same once this side has ended: what the socket holds has to be gone in time.
    static let lastPause = TimeAmount.milliseconds(10)
    /// How long after its own end this side waits for the other's.
    static let lingerTime = TimeAmount.seconds(1)

    private var timer: Scheduled<Void>?
    private var end: Scheduled<Void>?
    private var isLingering = false

    /// Reads slowly from now on.
    init(_ context: ChannelHandlerContext) {
        let options = context.channel.syncOptions
        // Only a channel that is closed already refuses.
        try? options?.setOption(.maxMessagesPerRead, value: 1)
        try? options?.setOption(.autoRead, value: false)
    }

    /// A read is over: the next one after a pause.
    func readCompleted(_ context: ChannelHandlerContext) {
        guard timer == nil else { return }
        timer = context.eventLoop.assumeIsolated().scheduleTask(
            in: isLingering ? SlowDrain.lastPause : SlowDrain.pause
        ) {
            self.timer = nil
            context.read()
        }
    }

    /// Ends this side's half, reads on, then ends the connection.
    func linger(_ context: ChannelHandlerContext) {
        guard !isLingering else { return }
        isLingering = true
        context.close(mode: .output, promise: nil)
        end = context.eventLoop.assumeIsolated().scheduleTask(in: SlowDrain.lingerTime) {
            context.close(promise: nil)
        }
        timer?.cancel()
        timer = nil
        context.read()
    }

    /// The channel is gone.
    func cancel() {
        timer?.cancel()
        end?.cancel()
    }
}
