import GateExtenderKit
import GateModel
import NIOCore
import QuantumGate
import Synchronization

/// One peer of the node under test: a whole node in this process that opens stream after stream to the extender there,
/// sends messages, ends its session now and then, and keeps a journal of what comes back.
final class HistoryPeer: Sendable {
    let number: Int
    let node: EmbeddedNode
    let journal: HistoryJournal
    private let target: NodeAddress
    private let failed = Atomic(0)

    /// How long a stream is written to.
    private static let streamSeconds = 4.0...30.0
    /// How long the end of a stream may take after its last byte was written.
    private static let endTime = Duration.seconds(60)
    private static let messageInterval = Duration.milliseconds(300)
    /// Pause after a stream or a connect that failed.
    private static let retryPause = Duration.milliseconds(300)
    /// How often a last stream is tried when the faults are over.
    private static let lastTries = 10
    private static let lastPause = Duration.seconds(2)

    init(number: Int, target: NodeAddress, journal: HistoryJournal) async throws {
        self.number = number
        self.journal = journal
        self.target = target
        var configuration = EmbeddedNodeConfiguration(storage: .new)
        configuration.peers = [target]
        configuration.extenders = [HistoryListener(journal: journal)]
        node = try await EmbeddedNode(configuration)
        // Who does not answer is left soon: a worker that is stopped, or cut off.
        for (key, value) in [("ping.interval", "1s"), ("ping.timeout", "2s"), ("handshake.timeout", "3s")] {
            try await node.set(key, to: value)
        }
    }

    /// Streams that could not be opened, or did not come to their end.
    var failedCount: Int { failed.load(ordering: .relaxed) }

    /// Streams and sends until told to stop, then shows that it still can: whether a last stream came to its end.
    func run(seed: UInt64, until stop: @escaping @Sendable () -> Bool) async -> Bool {
        var random = SplitMix64(seed: seed ^ UInt64(number) << 32)
        return await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await self.sendMessages(until: stop) }
            while !stop() {
                let seconds = Double.random(in: HistoryPeer.streamSeconds, using: &random)
                if await !stream(for: seconds, until: stop) {
                    failed.add(1, ordering: .relaxed)
                    try? await Task.sleep(for: HistoryPeer.retryPause)
                } else if Bool.random(using: &random) {
                    await leave()
                }
            }
            for _ in 0..<HistoryPeer.lastTries {
                if await stream(for: 1, until: { false }) { return true }
                try? await Task.sleep(for: HistoryPeer.lastPause)
            }
            return false
        }
    }

    /// Ends the session; the next stream begins another.
    private func leave() async {
        try? await node.deny(target.node)
        try? await Task.sleep(for: HistoryPeer.retryPause)
        try? await node.allow(target)
    }

    /// Whether a stream came to its end, with all that was sent.
    private func stream(for seconds: Double, until stop: @escaping @Sendable () -> Bool) async -> Bool {
        do {
            let session = try await node.connect(to: target.node, as: SoakEcho.extender)
            let stream = try await session.openStream()
            return try await withThrowingTaskGroup(of: UInt64?.self) { tasks in
                tasks.addTask { try await self.send(over: stream, for: seconds, until: stop) }
                tasks.addTask { try await HistoryPeer.receive(from: stream) }
                defer { tasks.cancelAll() }
                let first = try await tasks.next()
                tasks.addTask {
                    try await Task.sleep(for: HistoryPeer.endTime)
                    return nil
                }
                return try await tasks.next() == first
            }
        } catch { return false }
    }

    private func send(
        over stream: PeerStream, for seconds: Double, until stop: @Sendable () -> Bool
    ) async throws -> UInt64 {
        let pattern = HistoryJournal.pattern(of: stream.id)
        let end = MonotonicSeconds.now() + seconds
        var offset: UInt64 = 0
        while MonotonicSeconds.now() < end, !stop() {
            try await stream.write(pattern.bytes(from: offset, count: SoakPeer.chunkBytes))
            offset += UInt64(SoakPeer.chunkBytes)
            try await Task.sleep(for: SoakPeer.interval)
        }
        journal.sent(stream.id, count: offset)
        stream.finish()
        return offset
    }

    /// Bytes until the end; the journal has compared them.
    private static func receive(from stream: PeerStream) async throws -> UInt64 {
        var count: UInt64 = 0
        for try await bytes in stream.bytes { count += UInt64(bytes.readableBytes) }
        return count
    }

    private func sendMessages(until stop: @Sendable () -> Bool) async {
        var count = 0
        while !stop(), !Task.isCancelled {
            count += 1
            let session = try? await node.connect(to: target.node, as: SoakEcho.extender)
            try? await session?.send(HistoryMessage.payload(peer: number, number: count))
            try? await Task.sleep(for: HistoryPeer.messageInterval)
        }
    }
}

/// What a peer's extender is told goes into the journal.
private struct HistoryListener: WitnessedExtender {
    let journal: HistoryJournal

    var id: ExtenderID { SoakEcho.extender }
    var name: String { SoakEcho.label }
    var witness: any AcceptanceWitness { journal }
}
