import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// Key updates between two sessions that keep to the protocol.
@Suite struct KeyUpdateTests {
    static let suites = SuitePreferences.everything.suites

    private func pair(
        _ first: SessionSettings, _ second: SessionSettings, suite: NoiseSuite = .standard,
        versions: PeerVersions = .spoken, context: HandshakeContext = .peer, isAnonymous: Bool = false
    ) throws -> PeerPair {
        var pair = PeerPair(
            try TestNode(1, versions: versions, suites: SuitePreferences(only: suite), settings: first),
            try TestNode(2, suites: SuitePreferences(only: suite), settings: second), context: context,
            isAnonymous: isAnonymous)
        pair.establish()
        return pair
    }

    @Test(arguments: suites, [true, false]) func `either side asks when its keys are old, with every suite`(
        _ suite: NoiseSuite, _ diallerAsks: Bool
    ) throws {
        let (young, old) = (SessionSettings.updating(), SessionSettings.updating(seconds: 300))
        var pair = try pair(diallerAsks ? old : young, diallerAsks ? young : old, suite: suite)
        pair.pass(.seconds(299))
        #expect(pair.dialler.isSendable == false && pair.acceptor.isSendable == false)

        for epoch: UInt32 in 1...3 {
            pair.pass(epoch == 1 ? .seconds(1) : .seconds(300))
            #expect(pair.dialler.isSendable == diallerAsks && pair.acceptor.isSendable == !diallerAsks)
            pair.run()

            #expect(pair.diallerEvents == [.keysUpdated(epoch: epoch)])
            #expect(pair.acceptorEvents == [.keysUpdated(epoch: epoch)])
            pair.expectWords()
        }
    }

    @Test func `a session over a circuit, whose initiator has no name, updates as well`() throws {
        var pair = try pair(.updating(), .updating(seconds: 300), context: .endToEnd, isAnonymous: true)

        pair.pass(.seconds(300))
        pair.run()

        #expect(pair.diallerEvents == [.keysUpdated(epoch: 1)] && pair.acceptorEvents == pair.diallerEvents)
        pair.expectWords()
    }

    @Test func `a session of version 1 keeps its keys`() throws {
        let settings = SessionSettings.updating(seconds: 300, volume: 1)
        var pair = try pair(settings, settings, versions: PeerVersions(only: 1))
        pair.expectWords()

        pair.pass(.seconds(3000))

        #expect(pair.dialler.isSendable == false && pair.acceptor.isSendable == false)
    }

    @Test func `the time is drawn anew for each epoch, within the range`() throws {
        var settings = SessionSettings.updating()
        settings.keyLifetime = 10_000...20_000
        var pair = try pair(settings, .updating())
        var lengths: Set<Int> = []
        for _ in 0..<20 {
            let due = pair.left
            #expect(due >= .seconds(10) && due <= .seconds(20))
            lengths.insert(Int(due / .milliseconds(1)))
            pair.pass(due)
            pair.run()
        }
        #expect(pair.diallerEvents.count == 20)
        #expect(lengths.count > 15)
    }

    @Test func `who sealed enough asks, after a rest`() throws {
        var pair = try pair(.updating(volume: 100_000), .updating())
        pair.dialler.enqueue(SessionTests.open(1))
        pair.dialler.enqueue(.streamData(alias: 1, ByteBuffer(repeating: 1, count: 60_000)))
        pair.pass(.seconds(1))
        pair.run()
        pair.acceptor.enqueue(.streamCredit(alias: 1, limit: 1 << 20))
        pair.run()
        #expect(pair.left > .seconds(80_000))
        pair.dialler.enqueue(.streamData(alias: 1, ByteBuffer(repeating: 1, count: 60_000)))
        pair.run()

        #expect(pair.left == .seconds(1), "two seconds after the beginning")
        pair.pass(.seconds(1))
        pair.run()

        #expect(pair.acceptorEvents.last == .keysUpdated(epoch: 1))
        #expect(pair.left > .seconds(80_000), "counted anew")
    }

    /// Whose request arrives first: both are on their way.
    @Test(arguments: [true, false]) func `of two that ask at once the initiator's request counts`(
        _ acceptorHearsFirst: Bool
    ) throws {
        var pair = try pair(.updating(seconds: 300), .updating(seconds: 300))
        for epoch: UInt32 in 1...3 {
            pair.pass(.seconds(300))
            pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
            pair.acceptor.seal(into: &pair.toDialler, budget: 1)
            #expect(pair.toAcceptor.readableBytes > 1200 && pair.toDialler.readableBytes > 1200)

            if acceptorHearsFirst { pair.deliverToAcceptor() } else { pair.deliverToDialler() }
            pair.run()

            #expect(pair.diallerEvents == [.keysUpdated(epoch: epoch)])
            #expect(pair.acceptorEvents == [.keysUpdated(epoch: epoch)])
            pair.expectWords()
        }
    }

    @Test func `new settings hold from the next epoch on`() throws {
        let (first, second) = (
            try TestNode(1, settings: .updating(seconds: 300)), try TestNode(2, settings: .updating())
        )
        var pair = PeerPair(first, second)
        pair.establish()
        first.environment.settings.keyLifetime = 10_000...10_000
        #expect(pair.dialler.nextDeadline == pair.clock.now + .seconds(300))

        pair.pass(.seconds(300))
        pair.run()

        #expect(pair.dialler.nextDeadline == pair.clock.now + .seconds(10))
    }

    @Test func `records flow in every phase`() throws {
        var pair = try pair(.updating(seconds: 300), .updating())
        pair.pass(.seconds(300))
        // The request is under way, and so are other messages, both ways.
        pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
        pair.dialler.enqueue(.receipt(id: 1, status: .delivered))
        pair.acceptor.enqueue(.receipt(id: 2, status: .delivered))
        pair.acceptor.seal(into: &pair.toDialler, budget: 1)
        pair.deliverToDialler()
        #expect(pair.diallerEvents == [.message(.receipt(id: 2, status: .delivered))])
        // The acceptor has switched, the dialler has not.
        pair.deliverToAcceptor()
        pair.acceptor.enqueue(.receipt(id: 3, status: .delivered))
        pair.acceptor.seal(into: &pair.toDialler, budget: 1)
        #expect(pair.acceptorEvents == [.message(.receipt(id: 1, status: .delivered))])
        var rest = pair.toDialler
        pair.toDialler = rest.readSlice(length: 1000) ?? ByteBuffer()
        pair.dialler.enqueue(.receipt(id: 4, status: .delivered))
        pair.deliverToDialler()
        pair.deliverToAcceptor()
        #expect(pair.acceptorEvents.last == .message(.receipt(id: 4, status: .delivered)))
        // The rest of the reply, the switch, and the first record of the next epoch, in one piece.
        pair.toDialler = rest
        pair.dialler.enqueue(.receipt(id: 5, status: .delivered))
        pair.deliverToDialler()
        pair.run()

        #expect(
            pair.diallerEvents.suffix(2) == [
                .keysUpdated(epoch: 1), .message(.receipt(id: 3, status: .delivered)),
            ])
        #expect(
            pair.acceptorEvents.suffix(2) == [
                .message(.receipt(id: 5, status: .delivered)), .keysUpdated(epoch: 1),
            ])
        pair.expectWords()
    }

    @Test func `the resumption secret stays what it was, on both sides`() throws {
        var pair = try pair(.updating(seconds: 300), .updating())
        let first = try pair.resumptionSecrets().0
        #expect(first.count == 32)
        for _ in 0..<2 {
            pair.pass(.seconds(300))
            pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
            pair.deliverToAcceptor()
            let (asker, answerer) = try pair.resumptionSecrets()
            #expect(asker == first && answerer == first, "between the switches")
            pair.run()
            let (dialler, acceptor) = try pair.resumptionSecrets()
            #expect(dialler == first && acceptor == first)
        }
    }

    /// Both sides write as fast as they may, pieces of any size arrive at any moment, and both renew keys all the time.
    @Test(arguments: 1...3) func `under full load in both directions nothing is lost, repeated or held up`(
        _ seed: UInt64
    ) throws {
        var random = SeededRandom(seed: seed)
        var settings = SessionSettings.updating(volume: 60_000)
        settings.keyLifetime = 2000...9000
        var load = LoadedPair(try pair(settings, settings))
        var steps = 0
        while load.updates < 60, steps < 20_000 {
            steps += 1
            load.step(&random)
        }
        load.drain()

        #expect(load.updates >= 60, "seed \(seed): both sides' keys were replaced thirty times")
        #expect(load.isWhole == true, "seed \(seed)")
        #expect(load.pair.dialler.isClosed == false && load.pair.acceptor.isClosed == false, "seed \(seed)")
    }
}

extension PeerPair {
    /// Lets time pass on both sides.
    mutating func pass(_ duration: Duration) {
        clock.advance(by: duration)
        dialler.deadlinePassed(at: clock.now, events: &diallerEvents)
        acceptor.deadlinePassed(at: clock.now, events: &acceptorEvents)
    }

    /// Until the dialler's next deadline; none before the session stands.
    var left: Duration { dialler.nextDeadline.map { $0 - clock.now } ?? .zero }

    /// A message passes each way; events are forgotten.
    mutating func expectWords() {
        diallerEvents = []
        acceptorEvents = []
        dialler.enqueue(.receipt(id: 8, status: .delivered))
        acceptor.enqueue(.receipt(id: 9, status: .refused))
        run()
        #expect(acceptorEvents == [.message(.receipt(id: 8, status: .delivered))])
        #expect(diallerEvents == [.message(.receipt(id: 9, status: .refused))])
        diallerEvents = []
        acceptorEvents = []
    }

    func resumptionSecrets() throws -> ([UInt8], [UInt8]) {
        guard let first = try dialler.resumptionSecret(), let second = try acceptor.resumptionSecret() else {
            return ([], [])
        }
        return (first.withUnsafeBytes { Array($0) }, second.withUnsafeBytes { Array($0) })
    }
}

/// A pair with a stream each way, the bytes of which say where they belong.
private struct LoadedPair: ~Copyable {
    var pair: PeerPair
    private(set) var updates = 0
    private(set) var isWhole = true
    private var sent: [Int] = [0, 0]
    private var received: [Int] = [0, 0]
    private var onWay = [ByteBuffer(), ByteBuffer()]

    init(_ pair: consuming PeerPair) {
        self.pair = pair
        self.pair.dialler.enqueue(SessionTests.open(1))
        self.pair.acceptor.enqueue(SessionTests.open(2))
        self.pair.run()
        self.pair.diallerEvents = []
        self.pair.acceptorEvents = []
        self.pair.dialler.enqueue(.streamCredit(alias: 2, limit: 1 << 20))
        self.pair.acceptor.enqueue(.streamCredit(alias: 1, limit: 1 << 20))
    }

    /// Each side writes and seals a little, a piece of what is on its way arrives, and time passes.
    mutating func step(_ random: inout SeededRandom) {
        let count = Int.random(in: 1...6000, using: &random)
        pair.dialler.enqueue(.streamData(alias: 1, bytes(0, count)))
        pair.acceptor.enqueue(.streamData(alias: 2, bytes(1, count)))
        pair.dialler.seal(into: &onWay[0], budget: 1)
        pair.acceptor.seal(into: &onWay[1], budget: 1)
        deliver(0, Int.random(in: 0...16_000, using: &random))
        deliver(1, Int.random(in: 0...16_000, using: &random))
        pair.pass(.milliseconds(Int.random(in: 0...200, using: &random)))
    }

    /// Everything arrives, within a bounded number of exchanges.
    mutating func drain() {
        for _ in 0..<2000 {
            pair.dialler.seal(into: &onWay[0], budget: .max >> 1)
            pair.acceptor.seal(into: &onWay[1], budget: .max >> 1)
            deliver(0, .max)
            deliver(1, .max)
        }
        if received != sent { isWhole = false }
    }

    private mutating func bytes(_ side: Int, _ count: Int) -> ByteBuffer {
        let start = sent[side]
        sent[side] += count
        return ByteBuffer(bytes: (start..<start + count).map(LoadedPair.byte))
    }

    private mutating func deliver(_ side: Int, _ count: Int) {
        guard let piece = onWay[side].readSlice(length: min(count, onWay[side].readableBytes)) else { return }
        if onWay[side].readableBytes == 0 { onWay[side].clear() }
        if side == 0 {
            pair.toAcceptor = piece
            pair.deliverToAcceptor()
            onWay[1].writeBuffer(&pair.toDialler)
            take(pair.acceptorEvents, side)
            pair.acceptorEvents = []
            pair.acceptor.enqueue(.streamCredit(alias: 1, limit: UInt64(received[0]) + 1 << 20))
        } else {
            pair.toDialler = piece
            pair.deliverToDialler()
            onWay[0].writeBuffer(&pair.toAcceptor)
            take(pair.diallerEvents, side)
            pair.diallerEvents = []
            pair.dialler.enqueue(.streamCredit(alias: 2, limit: UInt64(received[1]) + 1 << 20))
        }
    }

    private mutating func take(_ events: [PeerEvent], _ side: Int) {
        for event in events {
            switch event {
            case .keysUpdated: updates += 1
            case .message(.streamData(_, let data)):
                for byte in data.readableBytesView {
                    if byte != LoadedPair.byte(received[side]) { isWhole = false }
                    received[side] += 1
                }
            case .message(.streamCredit): break
            case .established, .message, .certified, .closed: isWhole = false
            }
        }
    }

    private static func byte(_ offset: Int) -> UInt8 { UInt8(truncatingIfNeeded: offset &* 31 ^ offset >> 8) }
}
