import GateExtenderKit
import GateModel
import Logging
import NIOCore

/// One program that speaks SOCKS5 to us, from its first byte to the end of its connection.
struct Socks5Client: Sendable {
    let channel: any Channel
    private let wish: EventLoopFuture<Socks5Wish>
    private let handler: NIOLoopBound<Socks5ExchangeHandler>

    /// Sets the channel up; on its event loop.
    init(_ channel: any Channel, time: Duration) throws {
        let promise = channel.eventLoop.makePromise(of: Socks5Wish.self)
        let handler = Socks5ExchangeHandler(wish: promise, time: time)
        try channel.pipeline.syncOperations.addHandler(handler)
        self.channel = channel
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        wish = promise.futureResult
    }

    /// Serves the client to its end; what goes wrong is told to it and, without its words, to the log.
    func serve(over exits: Socks5Exits, logger: Logger) async {
        do {
            let wish = try await wish.get()
            let outcome = await exits.stream(for: wish, near: channel.eventLoop)
            switch outcome {
            case .failure(let refusal):
                logger.debug("a client's request failed", metadata: ["reply": "\(refusal.reply)"])
                try await tell(refusal.reply)
            case .success(let answered):
                guard try await tell(.succeeded) else { return answered.stream.reset(.cancelled) }
                try await answered.stream.splice(with: channel, prefix: answered.rest) { [handler] channel in
                    channel.pipeline.syncOperations.removeHandler(handler.value, promise: nil)
                }
            }
        } catch let failure as Socks5Failure {
            logger.debug("a client was refused", metadata: ["reason": "\(failure)"])
        } catch {
            channel.close(promise: nil)
        }
    }

    @discardableResult
    private func tell(_ reply: Socks5Reply) async throws -> Bool {
        try await channel.eventLoop.submit { [handler] in handler.value.settled(reply) }.get()
    }
}
