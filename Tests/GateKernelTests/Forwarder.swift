import GateModel
import NIOCore
import NIOPosix
import Synchronization

/// A balancer in front of one node's workers: takes connections and passes bytes on to the worker of the moment.
final class Forwarder: Sendable {
    private struct State {
        var target: Endpoint
        var fronts: [any Channel] = []
        var backs: [any Channel] = []
    }

    private let state: Mutex<State>
    private let server: any Channel
    let endpoint: Endpoint

    static func start(to target: Endpoint) async throws -> Forwarder {
        let group = MultiThreadedEventLoopGroup.singleton
        let holder = Mutex<Forwarder?>(nil)
        let server = try await ServerBootstrap(group: group)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { front in
                guard let forwarder = holder.withLock({ $0 }) else { return front.close() }
                return forwarder.join(front)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(server.localAddress?.port ?? 0)
        let forwarder = Forwarder(target, server, Endpoint(host: "127.0.0.1", port: port))
        holder.withLock { $0 = forwarder }
        return forwarder
    }

    private init(_ target: Endpoint, _ server: any Channel, _ endpoint: Endpoint) {
        state = Mutex(State(target: target))
        self.server = server
        self.endpoint = endpoint
    }

    /// From now on to another worker.
    func turn(to target: Endpoint) { state.withLock { $0.target = target } }

    func stop() async throws {
        cut(both: true)
        try await server.close()
    }

    /// Cuts every connection off at the peer's side; the worker sees nothing of it unless `both`.
    func cut(both: Bool) {
        let channels = state.withLock { state in
            defer {
                state.fronts = []
                if both { state.backs = [] }
            }
            return state.fronts + (both ? state.backs : [])
        }
        for channel in channels { channel.close(promise: nil) }
    }

    private func join(_ front: any Channel) -> EventLoopFuture<Void> {
        let target = state.withLock { $0.target }
        return ClientBootstrap(group: front.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: target.host, port: Int(target.port))
            .flatMap { back in
                self.state.withLock {
                    $0.fronts.append(front)
                    $0.backs.append(back)
                }
                return front.eventLoop.submit {
                    try front.pipeline.syncOperations.addHandler(PassOn(to: back))
                    try back.pipeline.syncOperations.addHandler(PassOn(to: front))
                }
                .flatMap { front.setOption(.autoRead, value: true) }
                .flatMap { back.setOption(.autoRead, value: true) }
            }
    }
}

/// Writes what one channel reads to another; an end is not passed on.
private final class PassOn: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
