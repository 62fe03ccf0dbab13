import GateModel
import NIOCore

/// Where a client wants to go, and how.
struct Socks5Wish: Sendable {
    let target: Socks5Target
    let options: Socks5Options
}

/// Drives one client's ``Socks5Exchange`` over its channel, then leaves and hands on what the client sent for the target.
final class Socks5ExchangeHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var exchange = Socks5Exchange()
    private var input = ByteBuffer()
    private var isInputOver = false
    private var wish: EventLoopPromise<Socks5Wish>?
    private var context: ChannelHandlerContext?
    private var deadline: Scheduled<Void>?
    private let time: Duration

    init(wish: EventLoopPromise<Socks5Wish>, time: Duration) {
        self.wish = wish
        self.time = time
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(time)) {
            self.end(DeadlineExceeded())
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        fail(ChannelError.ioOnClosedChannel)
        self.context = nil
    }

    func removeHandler(context: ChannelHandlerContext, removalToken: ChannelHandlerContext.RemovalToken) {
        if input.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(input))
            context.fireChannelReadComplete()
        }
        if isInputOver { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.leavePipeline(removalToken: removalToken)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if input.readableBytes == 0 { input = bytes } else { input.writeBuffer(&bytes) }
        var action = exchange.received(&input)
        while action != .awaitMore {
            guard perform(action) else { return }
            action = exchange.received(&input)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else {
            return context.fireUserInboundEventTriggered(event)
        }
        isInputOver = true
        if wish != nil { end(ChannelError.eof) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(ChannelError.eof)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(error) }

    /// Tells the client the outcome; whether the channel goes on.
    func settled(_ reply: Socks5Reply) -> Bool { perform(exchange.settled(reply)) && reply == .succeeded }

    private func perform(_ action: Socks5Exchange.Action) -> Bool {
        guard let context else { return false }
        switch action {
        case .awaitMore: return true
        case .send(let bytes):
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
            return true
        case .connect(let target, let options):
            deadline?.cancel()
            try? context.channel.syncOptions?.setOption(.autoRead, value: false)
            let wish = wish
            self.wish = nil
            wish?.succeed(Socks5Wish(target: target, options: options))
            return true
        case .refuse(let bytes, let failure):
            fail(failure)
            let written = context.eventLoop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(bytes), promise: written)
            let channel = context.channel
            written.futureResult.whenComplete { _ in channel.close(promise: nil) }
            return false
        }
    }

    private func end(_ error: any Error) {
        fail(error)
        context?.close(promise: nil)
    }

    private func fail(_ error: any Error) {
        deadline?.cancel()
        let wish = wish
        self.wish = nil
        wish?.fail(error)
    }
}
