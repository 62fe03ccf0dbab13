import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// Somebody who connects and is not understood.
private struct Stranger: Sendable, CustomTestStringConvertible {
    /// So many bytes, so long after the connection began.
    typealias Words = [(after: Duration, bytes: [UInt8])]

    let testDescription: String
    let words: @Sendable (_ dialler: TestNode, _ node: TestNode, _ random: inout SeededRandom) throws -> Words

    init(_ name: String, _ words: @escaping @Sendable (TestNode, TestNode, inout SeededRandom) throws -> Words) {
        testDescription = name
        self.words = words
    }

    /// Noise, all at once.
    private static func noise(_ count: Int, after: Duration = .zero) -> Stranger {
        Stranger("\(count) bytes of noise after \(after)") { [(after, bytes(count, &$2))] }
    }

    static let all =
        [1, 65, 66, 67, 1_000, 70_000, 300_000].map { noise($0) }
        + [noise(66, after: .seconds(23)), noise(300_000, after: .seconds(12))]
        + [
            Stranger("nothing") { _, _, _ in [] },
            Stranger("a byte each second") { _, _, random in
                (0..<30).map { (.seconds($0), bytes(1, &random)) }
            },
            Stranger("a kilobyte each 100 ms") { _, _, random in
                (0..<300).map { (.milliseconds(100 * $0), bytes(1024, &random)) }
            },
            Stranger("an opening to another node") { ada, _, _ in [(.zero, try opening(ada, TestNode(3)))] },
            Stranger("an opening of another network") { _, ben, _ in
                let secret = try SharedSecret(GuardedSecret([UInt8](repeating: 9, count: 32)))
                return [(.zero, try opening(TestNode(1, sharedSecret: secret), ben))]
            },
            Stranger("a stale opening") { ada, ben, _ in
                let then = ManualClock().wall + -6 * 60
                return [(.zero, try opening(ada, ben, wall: then))]
            },
            Stranger("an opening that was seen") { ada, ben, _ in
                let flight = try opening(ada, ben)
                var pair = PeerPair(ada, ben)
                pair.start()
                pair.toAcceptor = ByteBuffer(bytes: flight)
                pair.deliverToAcceptor()
                return [(.seconds(1), flight)]
            },
            Stranger("an opening with another last byte") { ada, ben, _ in
                var flight = try opening(ada, ben)
                flight[flight.count - 1] ^= 1
                return [(.zero, flight)]
            },
            Stranger("an opening longer than a flight may be") { ada, ben, _ in
                let flight = try FlightForger(dialled: ben)
                    .changed(ByteBuffer(bytes: opening(ada, ben)), number: 1, 14, to: 0xff)
                return [(.zero, Array(flight.readableBytesView))]
            },
            Stranger("half an opening") { ada, ben, _ in [(.zero, Array(try opening(ada, ben).prefix(700)))] },
        ]

    /// Random as far as anybody looks at it.
    private static func bytes(_ count: Int, _ random: inout SeededRandom) -> [UInt8] {
        random.bytes(min(count, 66)) + [UInt8](repeating: 0x5a, count: max(count - 66, 0))
    }

    private static func opening(
        _ dialler: TestNode, _ node: TestNode, wall: UnixTime = ManualClock().wall
    ) throws -> [UInt8] {
        var connection = PeerConnection(
            dialling: node.node, presence: .mutual(dialler.credentials), environment: dialler.environment)
        var (flight, events): (ByteBuffer, [PeerEvent]) = (ByteBuffer(), [])
        connection.start(at: ManualClock().now, wall: wall, into: &flight, events: &events)
        return Array(flight.readableBytesView)
    }

    /// How long after its beginning the connection ends, and how long it was to last when it began.
    func end(_ dialler: TestNode, _ node: TestNode, _ random: inout SeededRandom) throws -> (
        Duration, planned: Duration
    ) {
        let words = try words(dialler, node, &random)
        let clock = ManualClock()
        var connection = PeerConnection(accepting: [.peer], environment: node.environment)
        var (output, events): (ByteBuffer, [PeerEvent]) = (ByteBuffer(), [])
        connection.start(at: clock.now, wall: clock.wall, into: &output, events: &events)
        let first = connection.nextDeadline
        let planned = try #require(first)
        for (after, bytes) in words {
            let now = clock.now + after
            let deadline = connection.nextDeadline
            if deadline.map({ now >= $0 }) ?? true { break }
            var input = ByteBuffer(bytes: bytes)
            connection.received(
                &input, at: now, wall: clock.wall, admit: { _ in true }, into: &output, events: &events)
            if !events.isEmpty { return (after, planned - clock.now) }
        }
        let last = connection.nextDeadline
        let deadline = try #require(last)
        connection.deadlinePassed(at: deadline, events: &events)
        #expect(output.readableBytes == 0 && connection.isClosed)
        return (deadline - clock.now, planned - clock.now)
    }
}

@Suite struct Strangers {
    private static let samples = 200

    @Test(arguments: Stranger.all) fileprivate func `are left when it was settled before they said a word`(
        _ stranger: Stranger
    ) throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        var random = SeededRandom(seed: 5)
        for _ in 0..<20 {
            let (end, planned) = try stranger.end(ada, ben, &random)
            #expect(end == planned)
            #expect((.seconds(24) ... .seconds(30)).contains(end))
        }
    }

    /// Two samples of one distribution are further apart than this once in 10,000 times (Kolmogorov and Smirnov).
    private static var distanceMax: Double { 2.23 * (2 / Double(samples)).squareRoot() }

    @Test(arguments: Stranger.all) fileprivate func `can't be told from who says nothing by when they are left`(
        _ stranger: Stranger
    ) throws {
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        let silent = Stranger("nothing") { _, _, _ in [] }
        var random = SeededRandom(seed: 6)
        let ends = try (0..<Self.samples).map { _ in try stranger.end(ada, ben, &random).0 }.sorted()
        let others = try (0..<Self.samples).map { _ in try silent.end(ada, ben, &random).0 }.sorted()
        let distance = (ends + others).map { moment in
            abs(Double(ends.count { $0 <= moment }) - Double(others.count { $0 <= moment })) / Double(Self.samples)
        }.max()
        #expect(try #require(distance) < Self.distanceMax)
        #expect(Set(ends).count > Self.samples / 2)
    }

    @Test func `are read on for as long as it takes, and their bytes are thrown away`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.start()
        var random = SeededRandom(seed: 7)
        for _ in 0..<100 {
            pair.toAcceptor = ByteBuffer(bytes: random.bytes(70_000))
            pair.deliverToAcceptor()
        }
        #expect(pair.acceptorEvents.isEmpty && pair.acceptor.isDiscarding && pair.toDialler.readableBytes == 0)
    }

    @Test(arguments: [0, 100, 70_000, 1_000_000]) func `of a session are left by time alone`(_ more: Int) throws {
        var ends: [Duration] = []
        let (ada, ben) = (try TestNode(1), try TestNode(2))
        for _ in 0..<100 {
            var pair = PeerPair(ada, ben)
            pair.establish()
            pair.toAcceptor = ByteBuffer(repeating: 3, count: 65_537)
            pair.deliverToAcceptor()
            pair.toAcceptor = ByteBuffer(repeating: 3, count: more)
            pair.deliverToAcceptor()
            #expect(pair.acceptorEvents.isEmpty && pair.acceptor.isDiscarding)
            let deadline = pair.acceptor.nextDeadline
            let end = try #require(deadline)
            ends.append(end - pair.clock.now)
            pair.acceptor.deadlinePassed(at: end, events: &pair.acceptorEvents)
            #expect(pair.acceptorEvents == [.closed(.recordRefused)])
        }
        #expect(ends.allSatisfy { (.seconds(2) ... .seconds(10)).contains($0) })
        #expect(Set(ends).count > 80)
    }
}
