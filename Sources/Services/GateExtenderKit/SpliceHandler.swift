package import GateModel
package import NIOCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Bytes that a splice carried.
public struct SplicedBytes: Hashable, Sendable {
    /// From the channel into the stream.
    public var sent: UInt64 = 0
    /// From the stream into the channel.
    public var received: UInt64 = 0
}

/// Joins a channel and a stream on the channel's event loop: bytes, back-pressure and half-closes both ways.
///
/// Towards the stream it stops reading the channel while bytes wait for credit or the link. Towards the channel it gives
/// credit back when the socket has taken the bytes. A finish shuts the channel's output down, the channel's end of input
/// finishes the stream; a reset closes the channel so that its other end sees a broken connection, a broken channel
/// resets the stream.
package final class SpliceHandler: ChannelDuplexHandler, StreamSink {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var port: (any StreamPort)?
    private var context: ChannelHandlerContext?
    private var last: ByteBuffer?
    private var batchCount = 0
    private var writesInFlight = 0
    private var isFinishWanted = false
    private var isOutputClosing = false
    private var hasFailed = false
    private var isReadHeld = false
    private var isInputOver = false
    private var isOutputOver = false
    private var bytes = SplicedBytes()
    private let done: EventLoopPromise<SplicedBytes>

    /// From so many bytes on, a part of what comes at once is given back by itself: how fast it is taken shows in it.
    private static let countedBytes = 64 * 1024

    package init(port: any StreamPort, done: EventLoopPromise<SplicedBytes>) {
        self.port = port
        self.done = done
    }

    // MARK: from the channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if !context.channel.isActive { channelInactive(context: context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        end(.cancelled)
        self.context = nil
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        bytes.sent += UInt64(buffer.readableBytes)
        port?.write(buffer)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        port?.flush()
        context.fireChannelReadComplete()
    }

    package func read(context: ChannelHandlerContext) {
        if port?.acceptsMore ?? true { context.read() } else { isReadHeld = true }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        isInputOver = true
        port?.finish()
        port?.flush()
        closeIfOver()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        // With its output shut down a channel closes as a whole at the end of input, without saying so first.
        if isOutputClosing, !hasFailed {
            isOutputOver = true
            if !isInputOver {
                isInputOver = true
                port?.finish()
                port?.flush()
            }
        }
        end(.cancelled)
        context.fireChannelInactive()
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        // Whoever closes the channel from outside, as a cancelled splice does, cuts it off: what follows is no end of
        // input, and the stream's other end must not take it for one.
        if mode != .output { hasFailed = true }
        context.close(mode: mode, promise: promise)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        hasFailed = true
        context.close(promise: nil)
    }

    // MARK: from the stream

    package func received(_ buffer: ByteBuffer) {
        guard let context else { return }
        if batchCount >= Self.countedBytes {
            writeLast(to: context)
        } else if let last {
            context.write(wrapOutboundOut(last), promise: nil)
        }
        last = buffer
        batchCount += buffer.readableBytes
    }

    package func batchCompleted() {
        guard let context, last != nil else { return }
        writeLast(to: context)
        context.flush()
    }

    /// Writes the last piece, and gives all back that was written since the last time once the socket has taken it.
    private func writeLast(to context: ChannelHandlerContext) {
        guard let buffer = last else { return }
        let count = batchCount
        last = nil
        batchCount = 0
        let written = context.eventLoop.makePromise(of: Void.self)
        context.write(wrapOutboundOut(buffer), promise: written)
        writesInFlight += 1
        written.futureResult.assumeIsolated().whenComplete { [weak self] result in
            guard let self else { return }
            writesInFlight -= 1
            if case .success = result { self.written(count) }
            closeOutputIfWritten()
        }
    }

    package func receivedFinish() {
        // What came with it in one batch goes first; the output is shut down once the socket has taken all.
        batchCompleted()
        isFinishWanted = true
        closeOutputIfWritten()
    }

    private func closeOutputIfWritten() {
        guard let context, isFinishWanted, writesInFlight == 0 else { return }
        isFinishWanted = false
        isOutputClosing = true
        let closed = context.eventLoop.makePromise(of: Void.self)
        context.close(mode: .output, promise: closed)
        closed.futureResult.assumeIsolated().whenComplete { [weak self] _ in
            self?.isOutputOver = true
            self?.closeIfOver()
        }
    }

    package func receivedReset(_ code: StreamResetCode) {
        port = nil
        guard let context else { return done.succeed(bytes) }
        if let socket = context.channel as? any SocketOptionProvider {
            _ = socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        context.close(promise: nil)
    }

    package func drained() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    // MARK: inside

    private func written(_ count: Int) {
        bytes.received += UInt64(count)
        port?.consumed(count)
        port?.flush()
    }

    private func closeIfOver() {
        if isInputOver, isOutputOver { context?.close(promise: nil) }
    }

    private func end(_ code: StreamResetCode) {
        if !(isInputOver && isOutputOver) {
            port?.reset(code)
            port?.flush()
        }
        port = nil
        done.succeed(bytes)
    }
}
