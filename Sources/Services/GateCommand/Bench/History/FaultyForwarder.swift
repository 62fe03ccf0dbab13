import GateModel
import NIOCore
import NIOPosix
import Synchronization

/// Passes connections on to one of several places, and holds them up when told: nothing passes then while both sides'
/// sockets stay open, as where a network drops all packets. In the end what was held passes, or its connections break.
///
/// Holds little: it reads from one side only what the other takes.
final class FaultyForwarder: Sendable {
    /// Which way nothing passes, and of which connections.
    struct Hold: Equatable, Sendable {
        /// From who dialled.
        var isInbound = true
        /// To who dialled.
        var isOutbound = true
        /// Every other connection only.
        var isHalf = false
    }

    private struct State {
        var wires: [Int: Wire] = [:]
        /// By the place's index.
        var holds: [Int: Hold] = [:]
        var wireCount = 0
    }

    /// Where it is dialled.
    let endpoint: Endpoint
    private let targets: [Endpoint]
    private let server: any Channel
    private let state: Mutex<State>

    /// Listens on a free port of loopback.
    static func start(to targets: [Endpoint]) async throws -> FaultyForwarder {
        let made = Mutex<FaultyForwarder?>(nil)
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 256)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { front in
                guard let forwarder = made.withLock({ $0 }) else { return front.close() }
                return forwarder.accept(front)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(clamping: server.localAddress?.port ?? 0)
        let forwarder = FaultyForwarder(targets, server, Endpoint(host: "127.0.0.1", port: port))
        made.withLock { $0 = forwarder }
        return forwarder
    }

    private init(_ targets: [Endpoint], _ server: any Channel, _ endpoint: Endpoint) {
        self.targets = targets
        self.server = server
        self.endpoint = endpoint
        state = Mutex(State())
    }

    /// Ends all connections and listens no more.
    func stop() async {
        try? await server.close()
        for wire in state.withLock({ Array($0.wires.values) }) { wire.cut() }
    }

    // MARK: Faults

    /// Nothing passes to and from a place, also over connections that come meanwhile.
    func hold(_ target: Int, _ hold: Hold) {
        let wires = state.withLock { state in
            state.holds[target] = hold
            return state.wires.values.filter { $0.target == target }
        }
        for wire in wires { wire.apply(hold) }
    }

    /// What is held up passes, or breaks.
    func release(_ target: Int, heals: Bool) {
        let (wires, hold) = state.withLock { state in
            (state.wires.values.filter { $0.target == target }, state.holds.removeValue(forKey: target))
        }
        for wire in wires {
            if heals { wire.apply(nil) } else if let hold, wire.isMeant(by: hold) { wire.cut() }
        }
    }

    // MARK: Connections

    /// Connections go round the places; one that can't be reached is passed over.
    private func accept(_ front: any Channel) -> EventLoopFuture<Void> {
        let number = state.withLock { state in
            state.wireCount += 1
            return state.wireCount
        }
        return connect(front, number, tried: 0)
    }

    private func connect(_ front: any Channel, _ number: Int, tried: Int) -> EventLoopFuture<Void> {
        let target = (number + tried) % targets.count
        return ClientBootstrap(group: front.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: targets[target].host, port: Int(targets[target].port))
            .flatMap { back in self.join(front, back, target, number) }
            .flatMapError { error in
                guard tried + 1 < self.targets.count else { return front.eventLoop.makeFailedFuture(error) }
                return self.connect(front, number, tried: tried + 1)
            }
    }

    private func join(
        _ front: any Channel, _ back: any Channel, _ target: Int, _ number: Int
    ) -> EventLoopFuture<Void> {
        front.eventLoop.submit {
            let wire = try Wire(front, back, target, number)
            let hold = self.state.withLock { state in
                state.wires[number] = wire
                return state.holds[target]
            }
            if let hold { wire.apply(hold) }
            back.closeFuture.and(front.closeFuture).whenComplete { _ in
                wire.ended()
                self.state.withLock { $0.wires[number] = nil }
            }
        }
        .flatMap { front.setOption(.autoRead, value: true) }
        .flatMap { back.setOption(.autoRead, value: true) }
    }
}

/// Both sides of one connection, on one event loop.
private final class Wire: Sendable {
    let target: Int
    private let number: Int
    private let eventLoop: any EventLoop
    private let ends: NIOLoopBound<(front: PassOn, back: PassOn)>

    /// On the channels' event loop.
    init(_ front: any Channel, _ back: any Channel, _ target: Int, _ number: Int) throws {
        self.target = target
        self.number = number
        eventLoop = front.eventLoop
        let ends = (front: PassOn(front), back: PassOn(back))
        ends.front.other = ends.back
        ends.back.other = ends.front
        self.ends = NIOLoopBound(ends, eventLoop: front.eventLoop)
        try front.pipeline.syncOperations.addHandler(ends.front)
        try back.pipeline.syncOperations.addHandler(ends.back)
    }

    func isMeant(by hold: FaultyForwarder.Hold) -> Bool { !hold.isHalf || number.isMultiple(of: 2) }

    /// Holds up, or lets all pass.
    func apply(_ hold: FaultyForwarder.Hold?) {
        let isMeant = hold.map(isMeant) ?? true
        guard isMeant else { return }
        eventLoop.execute { [ends] in
            ends.value.front.isHeld = hold?.isInbound ?? false
            ends.value.back.isHeld = hold?.isOutbound ?? false
        }
    }

    /// Both sides are closed. On the channels' event loop.
    func ended() {
        ends.value.front.other = nil
        ends.value.back.other = nil
    }

    /// Breaks the connection at both sides, and what it holds with it.
    func cut() {
        eventLoop.execute { [ends] in
            ends.value.front.close()
            ends.value.back.close()
        }
    }
}

/// Gives what its channel reads to the other one. Reads only while that takes more and nothing holds it up.
private final class PassOn: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Kept until both sides are closed.
    var other: PassOn?
    var isHeld = false {
        didSet {
            guard !isHeld else { return }
            if isEndDue { endOther() } else { readOn() }
        }
    }
    private let channel: any Channel
    private var context: ChannelHandlerContext?
    private var isReadDue = false
    private var isEndDue = false

    init(_ channel: any Channel) { self.channel = channel }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func close() { channel.close(promise: nil) }

    func read(context: ChannelHandlerContext) {
        isReadDue = true
        readOn()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other?.channel.write(unwrapInboundIn(data), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) { other?.channel.flush() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { other?.readOn() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if isHeld { isEndDue = true } else { endOther() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func readOn() {
        guard isReadDue, !isHeld, let context, other?.channel.isWritable ?? false else { return }
        isReadDue = false
        context.read()
    }

    /// What was read before the end goes first.
    private func endOther() {
        guard let channel = other?.channel else { return }
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
    }
}
