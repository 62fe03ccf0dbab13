import GateCrypto
import GateKernel
import GateModel
import GateSession
import GateStore
import GateTransport
import GateWire
import NIOCore

/// `bench levels`: what each security level costs: bytes on the wire, and CPU time of both sides together. The machines of
/// two nodes talk in virtual time, without sockets, so an hour of noise takes a moment.
enum LevelsBench {
    /// Bytes are those of both directions.
    struct Price {
        let level: Int
        /// Of one handshake.
        let handshake: Cost
        /// Of one message of 200 bytes, alone in its record.
        let message: Cost
        /// Of a stream, for each byte.
        let bulk: Cost
        /// Of a session on which nothing is meant, for an hour.
        let idle: Cost
    }

    struct Cost {
        let bytes: Double
        let cpu: Duration

        static func / (sum: Cost, count: Int) -> Cost {
            Cost(bytes: sum.bytes / Double(count), cpu: sum.cpu / count)
        }
    }

    private static let handshakes = 500
    private static let messages = 20_000
    private static let messageBytes = 200
    private static let chunks = 4_000
    private static let chunkBytes = 1 << 16
    private static let hours = 10

    static func run(level: Int) throws -> Price {
        let values = NodeSettingValues(rows: [
            SettingRow(
                key: NodeSettings.securityLevel.definition.key, value: "\(level)", version: 1,
                changedAt: GateTransport.SystemClock.wall(), changedBy: "bench")
        ])
        var settings = SessionSettings()
        settings.follow(values)
        let nodes = (try BenchIdentity(), try BenchIdentity())
        let sides = (try nodes.0.environment(), try nodes.1.environment())
        sides.0.settings = settings
        sides.1.settings = settings

        let handshake = try cost { bytes in
            for _ in 0..<handshakes { bytes += try LevelsPair(sides.0, sides.1).establish() }
        }
        let pair = LevelsPair(sides.0, sides.1)
        _ = try pair.establish()
        let payload = ByteBuffer(bytes: (0..<messageBytes).map { UInt8(truncatingIfNeeded: $0 &* 197) })
        let message = try cost { bytes in
            for number in 0..<messages {
                bytes += try pair.send(
                    .message(
                        ExtenderMessage(extender: ShippedExtender.socks5, id: UInt64(number), payload: payload)))
            }
        }
        let bulk = try cost { bytes in bytes += try pair.stream(chunks: chunks, of: chunkBytes) }
        let idle = try cost { bytes in bytes += try pair.idle(.seconds(3600 * hours)) }
        return Price(
            level: level, handshake: handshake / handshakes, message: message / messages,
            bulk: bulk / (chunks * chunkBytes), idle: idle / hours)
    }

    private static func cost(_ body: (inout Int) throws -> Void) rethrows -> Cost {
        let start = ProcessCost.ownCPUSeconds()
        var bytes = 0
        try body(&bytes)
        return Cost(bytes: Double(bytes), cpu: .seconds(ProcessCost.ownCPUSeconds() - start))
    }
}

/// A dialler and an acceptor whose bytes go straight to the other; counts them.
private final class LevelsPair {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private var dialler: PeerConnection
    private var acceptor: PeerConnection
    private var now = GateTransport.SystemClock.now()
    private let wall = GateTransport.SystemClock.wall()
    private var events: [PeerEvent] = []
    private var toAcceptor = ByteBuffer()
    private var toDialler = ByteBuffer()

    init(_ first: SessionEnvironment, _ second: SessionEnvironment) {
        dialler = PeerConnection(
            dialling: second.node, presence: .mutual(first.credentials), environment: first)
        acceptor = PeerConnection(accepting: [.peer], environment: second)
    }

    /// Shakes hands.
    func establish() throws -> Int {
        acceptor.start(at: now, wall: wall, into: &toDialler, events: &events)
        dialler.start(at: now, wall: wall, into: &toAcceptor, events: &events)
        let bytes = try exchange()
        guard dialler.established != nil, acceptor.established != nil else {
            throw Failure(description: "the handshake failed: \(events)")
        }
        return bytes
    }

    /// Sends one message in a record of its own.
    func send(_ message: SessionMessage) throws -> Int {
        dialler.enqueue(message)
        return try exchange()
    }

    /// Sends so many pieces over a stream that always has credit.
    func stream(chunks: Int, of count: Int) throws -> Int {
        guard let alias = dialler.makeAlias() else { throw Failure(description: "no stream can be opened") }
        var bytes = try send(
            .streamOpen(
                alias: alias, id: StreamID(replica: 1, counter: 1), extender: ShippedExtender.socks5,
                priority: .bulk, credit: 0))
        acceptor.enqueue(.streamCredit(alias: alias, limit: UInt64(chunks * count)))
        bytes += try exchange()
        let chunk = ByteBuffer(repeating: 7, count: count)
        for _ in 0..<chunks { bytes += try send(.streamData(alias: alias, chunk)) }
        return bytes
    }

    /// Lets so much time pass in which nothing is meant.
    func idle(_ duration: Duration) throws -> Int {
        let end = now + duration
        var bytes = 0
        while let deadline = [dialler.nextDeadline, acceptor.nextDeadline].compactMap(\.self).min(), deadline < end {
            now = max(now, deadline)
            dialler.deadlinePassed(at: now, events: &events)
            acceptor.deadlinePassed(at: now, events: &events)
            bytes += try exchange()
        }
        now = end
        return bytes
    }

    /// Lets time pass to the next deadline where a flight waits; `false` where none does.
    private func wait() -> Bool {
        guard dialler.isDeparting || acceptor.isDeparting,
            let deadline = [dialler.nextDeadline, acceptor.nextDeadline].compactMap(\.self).min()
        else { return false }
        now = max(now, deadline)
        dialler.deadlinePassed(at: now, events: &events)
        acceptor.deadlinePassed(at: now, events: &events)
        return true
    }

    /// Seals and delivers until nothing moves.
    private func exchange() throws -> Int {
        var bytes = 0
        while true {
            dialler.seal(into: &toAcceptor, budget: .max >> 1)
            acceptor.seal(into: &toDialler, budget: .max >> 1)
            guard toAcceptor.readableBytes + toDialler.readableBytes > 0 else {
                if wait() { continue }
                break
            }
            bytes += toAcceptor.readableBytes
            acceptor.received(
                &toAcceptor, at: now, wall: wall, admit: { _ in true }, into: &toDialler, events: &events)
            toAcceptor.clear()
            // The acceptor's answer among them.
            bytes += toDialler.readableBytes
            dialler.received(
                &toDialler, at: now, wall: wall, admit: { _ in true }, into: &toAcceptor, events: &events)
            toDialler.clear()
            guard !dialler.isClosed, !acceptor.isClosed else {
                throw Failure(description: "a session ended: \(events)")
            }
            events.removeAll(keepingCapacity: true)
        }
        return bytes
    }
}
