import GateExtenderKit
import GateModel
import Logging
import NIOCore
import QuantumGate
import Synchronization

/// One peer of the node under test: a whole node in this process, with a stream that it sends a pattern over and gets it
/// back from.
final class SoakPeer: Sendable {
    let node: EmbeddedNode
    let watch: SoakWatch
    private let pattern: SoakPattern

    /// Bytes of one write, and the pause after it: a trickle, so that a pause of the node is seen as one.
    static let chunkBytes = 2_000
    static let interval = Duration.milliseconds(100)
    /// How long the end of a stream may take after its last byte was written.
    static let endTime = Duration.seconds(40)

    init(number: Int, target: NodeAddress) async throws {
        let watch = SoakWatch()
        var configuration = EmbeddedNodeConfiguration(storage: .new)
        configuration.peers = [target]
        configuration.extenders = [SoakListener(watch: watch)]
        node = try await EmbeddedNode(configuration)
        // A worker that was stopped, not killed, is noticed by its silence.
        try await node.set("ping.interval", to: "1s")
        try await node.set("ping.timeout", to: "2s")
        pattern = SoakPattern(seed: UInt64(number) &* 0x2545_f491_4f6c_dd1d)
        self.watch = watch
    }

    /// Sends until `stop` says so, then finishes and waits for the end of what comes back.
    func stream(to target: NodeUUID, until stop: @escaping @Sendable () -> Bool) async throws {
        let session = try await node.connect(to: target, as: SoakEcho.extender)
        let stream = try await session.openStream()
        watch.began()
        await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await self.send(over: stream, until: stop) }
            tasks.addTask { try await self.receive(from: stream) }
            do {
                try await tasks.next()
                tasks.addTask {
                    try await Task.sleep(for: SoakPeer.endTime)
                    throw ExtenderFailure(.timedOut, "the stream did not end")
                }
                try await tasks.next()
                tasks.cancelAll()
            } catch {
                watch.failed("\(error)")
                tasks.cancelAll()
            }
        }
    }

    private func send(over stream: PeerStream, until stop: @Sendable () -> Bool) async throws {
        var offset: UInt64 = 0
        while !stop() {
            try await stream.write(pattern.bytes(from: offset, count: SoakPeer.chunkBytes))
            offset += UInt64(SoakPeer.chunkBytes)
            try await Task.sleep(for: SoakPeer.interval)
        }
        stream.finish()
        watch.sent(offset)
    }

    private func receive(from stream: PeerStream) async throws {
        var offset: UInt64 = 0
        for try await bytes in stream.bytes {
            if let place = pattern.difference(bytes, at: offset) { watch.failed("a wrong byte at offset \(place)") }
            offset += UInt64(bytes.readableBytes)
            watch.received(to: offset)
        }
        watch.ended(at: offset)
    }
}

/// What a peer's extender is told.
private struct SoakListener: Extender {
    let watch: SoakWatch

    var id: ExtenderID { SoakEcho.extender }
    var name: String { SoakEcho.label }

    func peerChanged(_ change: PeerChange) async { watch.changed(change.kind) }
}

/// What was seen of one peer's stream.
final class SoakWatch: Sendable {
    struct Seen: Sendable {
        var sentCount: UInt64 = 0
        var receivedCount: UInt64 = 0
        /// Whether the stream came to its end with all that was sent.
        var isComplete = false
        /// The first thing that went wrong, and when.
        var failure: String?
        var failedAt = 0.0
        /// Whether a fault was to end the stream.
        var isExcused = false
        var suspendedCount = 0
        var resumedCount = 0
        fileprivate var lastArrival = 0.0
        /// Pauses longer than ``SoakWatch/pauseMin``: when they ended, and how long they were.
        fileprivate var pauses: [(end: Double, length: Double)] = []
    }

    /// What counts as a pause of a stream that trickles, in seconds.
    static let pauseMin = 0.25

    private let state = Mutex(Seen())

    var seen: Seen { state.withLock(\.self) }

    func began() { state.withLock { $0.lastArrival = MonotonicSeconds.now() } }

    func sent(_ count: UInt64) { state.withLock { $0.sentCount = count } }

    func received(to offset: UInt64) {
        let now = MonotonicSeconds.now()
        state.withLock { seen in
            seen.receivedCount = offset
            if now - seen.lastArrival > SoakWatch.pauseMin { seen.pauses.append((now, now - seen.lastArrival)) }
            seen.lastArrival = now
        }
    }

    func ended(at offset: UInt64) {
        state.withLock { seen in
            seen.isComplete = seen.failure == nil
            if offset == 0 { seen.failure = "nothing came back" }
        }
    }

    func failed(_ reason: String) {
        state.withLock { seen in
            guard seen.failure == nil else { return }
            seen.failure = reason
            seen.failedAt = MonotonicSeconds.now()
        }
    }

    /// The stream had to end: how long after `start` it did; `nil` for one that goes on, or that had ended before.
    func excuse(endedSince start: Double) -> Double? {
        state.withLock { seen in
            guard seen.failure != nil, !seen.isExcused, seen.failedAt >= start else { return nil }
            seen.isExcused = true
            return seen.failedAt - start
        }
    }

    func changed(_ kind: PeerChange.Kind) {
        state.withLock { seen in
            switch kind {
            case .suspended: seen.suspendedCount += 1
            case .resumed: seen.resumedCount += 1
            case .connected, .disconnected, .extendersChanged: break
            }
        }
    }

    /// The longest pause that ended between two moments.
    func longestPause(from start: Double, to end: Double) -> Double {
        state.withLock { seen in
            seen.pauses.filter { (start...end).contains($0.end) }.map(\.length).max() ?? 0
        }
    }
}
