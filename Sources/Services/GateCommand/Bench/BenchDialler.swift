import GateCrypto
import GateModel
import GateSession
import GateTransport
import NIOCore
import NIOPosix

/// Dials sessions from one event loop: what one core does.
final class BenchDialler: Sendable {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let environment: NIOLoopBound<SessionEnvironment>

    private static let connectTimeout = Duration.seconds(10)

    init(_ identity: BenchIdentity) async throws {
        let loop = group.next()
        environment = try await loop.submit { NIOLoopBound(try identity.environment(), eventLoop: loop) }.get()
    }

    var loop: any EventLoop { group.next() }

    func stop() async { try? await group.shutdownGracefully() }

    /// A session that stands on both sides.
    func dial(
        _ node: NodeUUID, at address: SocketAddress, as credentials: WorkerCredentials
    ) -> EventLoopFuture<DialledSession> {
        let loop = loop
        let environment = environment
        let ready = loop.makePromise(of: DialledSession.self)
        PeerBootstrap.dial(address, on: loop, timeout: BenchDialler.connectTimeout) { channel in
            let peer = BenchPeer(isDialler: true)
            let session = DialledSession(peer: NIOLoopBound(peer, eventLoop: loop), channel: channel)
            peer.onReady = { _ in ready.succeed(session) }
            peer.onClosed = { ready.fail(BenchFailure.sessionEnded("\($0)")) }
            let connection = PeerConnection(
                dialling: node, presence: .mutual(credentials), environment: environment.value)
            try channel.pipeline.syncOperations.addHandler(PeerChannelHandler(connection: connection, delegate: peer))
        }.cascadeFailure(to: ready)
        return ready.futureResult
    }
}

/// A session that this side dialled.
struct DialledSession: Sendable {
    let peer: NIOLoopBound<BenchPeer>
    let channel: any Channel

    /// Sends a stream and waits until the other side has consumed it.
    func send(_ byteCount: Int) async throws {
        let sent = channel.eventLoop.makePromise(of: Void.self)
        channel.eventLoop.execute {
            peer.value.onSent = { sent.succeed() }
            peer.value.onClosed = { sent.fail(BenchFailure.sessionEnded("\($0)")) }
            peer.value.send(byteCount)
        }
        try await sent.futureResult.get()
    }

    /// Sends short messages to the echo, so many at once, another for each that came back; how many did until then.
    func pingPong(until end: Double, atOnce: Int) async throws -> Int {
        let done = channel.eventLoop.makePromise(of: Int.self)
        channel.eventLoop.execute {
            let peer = peer.value
            var count = 0
            peer.onClosed = { done.fail(BenchFailure.sessionEnded("\($0)")) }
            peer.onMessage = {
                count += 1
                if MonotonicSeconds.now() < end {
                    peer.sendMessage()
                } else {
                    peer.onMessage = {}
                    done.succeed(count)
                }
            }
            for _ in 0..<atOnce { peer.sendMessage() }
            peer.flush()
        }
        return try await done.futureResult.get()
    }

    /// Sends short interactive messages, one after another with a pause between, and has each come back; how long each
    /// took, in milliseconds.
    func roundTrips(_ count: Int, pause: TimeAmount) async throws -> [Double] {
        let done = channel.eventLoop.makePromise(of: [Double].self)
        let loop = channel.eventLoop
        loop.execute {
            let peer = peer.value
            var times: [Double] = []
            var start = MonotonicSeconds.now()
            let send = {
                start = MonotonicSeconds.now()
                peer.sendMessage(isInteractive: true)
                peer.flush()
            }
            let next = NIOLoopBound(send, eventLoop: loop)
            peer.onClosed = { done.fail(BenchFailure.sessionEnded("\($0)")) }
            peer.onMessage = {
                times.append((MonotonicSeconds.now() - start) * 1000)
                if times.count < count {
                    loop.scheduleTask(in: pause) { next.value() }
                } else {
                    peer.onMessage = {}
                    done.succeed(times)
                }
            }
            send()
        }
        return try await done.futureResult.get()
    }

    /// Sends bytes of a stream without an end, until the session is closed.
    func sendEndlessly() { channel.eventLoop.execute { peer.value.send(.max >> 1) } }

    func close() async {
        channel.eventLoop.execute { peer.value.close() }
        try? await channel.closeFuture.get()
    }
}
