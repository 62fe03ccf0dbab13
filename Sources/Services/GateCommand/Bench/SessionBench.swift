import GateCrypto
import GateModel
import GateSession
import GateTransport
import Glibc
import NIOCore
import NIOPosix

/// `bench handshake` and `bench session`: the peer protocol between two processes, no database, no link.
///
/// One event loop a side: what one core does.
final class SessionBench: Sendable {
    private let other: BenchCounterpart
    private let node: NodeUUID
    private let address: SocketAddress
    private let identity: BenchIdentity
    private let dialler: BenchDialler

    private static let warmUpSeconds = 0.2

    /// What a side of one measurement has cost.
    struct Costs {
        var seconds = 0.0
        var ownCPU = 0.0
        var otherCPU = 0.0
    }

    init(isPostQuantum: Bool = false) async throws {
        _ = ProcessHardening.raiseDescriptorLimit()
        other = try BenchCounterpart(.session, arguments: isPostQuantum ? ["--pq-identity"] : [])
        guard let node = other.ready["node"].flatMap({ NodeUUID(text: $0) }) else {
            throw ChildProcess.Failure.endedBefore("it told its name")
        }
        self.node = node
        address = try SocketAddress(ipAddress: "127.0.0.1", port: Int(other.port))
        identity = try BenchIdentity(isPostQuantum: isPostQuantum)
        dialler = try await BenchDialler(identity)
    }

    func stop() async {
        other.stop()
        await dialler.stop()
    }

    // MARK: Handshakes

    /// Connections one after another, each with a handshake of its own, until `seconds` are over.
    func handshakes(seconds: Double) async throws -> (count: Int, costs: Costs) {
        _ = try await handshakes(until: MonotonicSeconds.now() + SessionBench.warmUpSeconds)
        var count = 0
        let costs = try await measured { count = try await handshakes(until: MonotonicSeconds.now() + seconds) }
        return (count, costs)
    }

    /// The next begins where the last was closed, on the loop: no other thread has a part in it.
    private func handshakes(until end: Double) async throws -> Int {
        let done = dialler.loop.makePromise(of: Int.self)
        @Sendable func next(_ count: Int) {
            guard MonotonicSeconds.now() < end else { return done.succeed(count) }
            let session = dial()
            session.whenFailure { done.fail($0) }
            session.whenSuccess { session in
                session.peer.value.close()
                session.channel.closeFuture.whenComplete { _ in next(count + 1) }
            }
        }
        next(0)
        return try await done.futureResult.get()
    }

    // MARK: One stream

    /// Sends a stream of that many bytes over one session, from here to there.
    func stream(byteCount: Int) async throws -> Costs {
        let session = try await connect()
        try await session.send(StreamLimitsOfBench.warmUpBytes)
        let costs = try await measured { try await session.send(byteCount) }
        await session.close()
        return costs
    }

    /// What the other side frees while it receives or sends a stream, after one to warm up.
    func heapUse(ofStream byteCount: Int, sending: Bool) async throws -> HeapUse {
        let session = try await connect()
        let other = other
        func stream(_ count: Int) async throws {
            if sending {
                try await BlockingWork.run { try other.send(count) }
            } else {
                try await session.send(count)
            }
        }
        try await stream(StreamLimitsOfBench.warmUpBytes)
        let before = try other.heapUse()
        try await stream(byteCount)
        let after = try other.heapUse()
        await session.close()
        return HeapUse(blocks: after.blocks - before.blocks, bytes: after.bytes - before.bytes)
    }

    // MARK: A small message beside a large transfer

    private static let roundTripPause = TimeAmount.milliseconds(1)
    /// How long a transfer runs before it is looked at.
    private static let rampUp = Duration.milliseconds(500)

    /// How long so many small interactive messages took to the other side and back, in milliseconds, rising; over a
    /// session with nothing else on it, or beside a stream that takes all it gets.
    func roundTrips(_ count: Int, besideStream: Bool) async throws -> [Double] {
        let session = try await connect()
        if besideStream {
            session.sendEndlessly()
            try await Task.sleep(for: SessionBench.rampUp)
        }
        let times = try await session.roundTrips(count, pause: SessionBench.roundTripPause)
        await session.close()
        return times.sorted()
    }

    // MARK: Connecting and measuring

    private func connect() async throws -> DialledSession { try await dial().get() }

    private func dial() -> EventLoopFuture<DialledSession> {
        dialler.dial(node, at: address, as: identity.credentials)
    }

    private func measured(_ body: () async throws -> Void) async throws -> Costs {
        let before = try other.cost().cpuSeconds
        let own = ProcessCost.ownCPUSeconds()
        let start = MonotonicSeconds.now()
        try await body()
        let end = MonotonicSeconds.now()
        return Costs(
            seconds: end - start, ownCPU: ProcessCost.ownCPUSeconds() - own,
            otherCPU: try other.cost().cpuSeconds - before)
    }
}

enum StreamLimitsOfBench {
    /// Goes ahead of what is measured, so that buffers and the TCP window have grown.
    static let warmUpBytes = 64 << 20
}

/// Why there is no figure.
enum BenchFailure: Error, CustomStringConvertible {
    case sessionEnded(String)

    var description: String {
        switch self {
        case .sessionEnded(let reason): "the measured session ended: \(reason)"
        }
    }
}
