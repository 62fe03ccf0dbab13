import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateSession

@Suite struct PaddingPolicies {
    @Test(arguments: [(0, 0), (1, 1), (2, 2), (9, 10), (100, 104), (1000, 1024), (1025, 1088), (65_000, 65_536)])
    func `padme rounds up to few significant bits`(length: Int, padded: Int) {
        #expect(PaddingPolicy.padmeLength(length) == padded)
    }

    @Test func `padme never shortens, costs 12 percent at most, and leaves few lengths`() {
        let padded = (1...65_518).map(PaddingPolicy.padmeLength)
        #expect(zip(1..., padded).allSatisfy { $1 >= $0 && Double($1 - $0) <= 0.12 * Double($0) })
        #expect(padded == padded.sorted())
        #expect(Set(padded).count < 200)
    }

    @Test(arguments: [PaddingPolicy.none, .range(5...9), .padme, .fixed(1000)], [0, 1, 999, 1000, 65_518, 200_000])
    func `records have the lengths that their policy says`(policy: PaddingPolicy, count: Int) throws {
        var settings = SessionSettings()
        settings.padding = policy
        var pair = PeerPair(try TestNode(1, settings: settings), try TestNode(2))
        pair.establish()
        let message = ExtenderMessage(
            extender: SessionTests.extender, id: 1, payload: ByteBuffer(repeating: 1, count: count))

        pair.dialler.enqueue(.message(message))
        while pair.dialler.isSendable {
            var record = ByteBuffer()
            pair.dialler.seal(into: &record, budget: 1)
            let plaintext = record.readableBytes - WireLimits.recordHeaderBytes - WireLimits.tagBytes
            #expect(plaintext <= RecordSealer.plaintextBytesMax)
            let isCut = plaintext == RecordSealer.plaintextBytesMax
            switch policy {
            case .none: #expect(isCut || plaintext == count + MessageCodec.messageStartOverhead || count > 65_482)
            case .range: break
            case .padme: #expect(isCut || PaddingPolicy.padmeLength(plaintext) == plaintext)
            case .fixed(let size): #expect(isCut || plaintext % size == 0)
            }
            pair.toAcceptor.writeBuffer(&record)
        }
        pair.run()

        #expect(pair.acceptorEvents == [.message(.message(message))])
    }

    @Test func `full records differ in length where others do`() throws {
        var settings = SessionSettings()
        settings.padding = .range(0...4000)
        var pair = PeerPair(try TestNode(1, settings: settings), try TestNode(2))
        pair.establish()
        pair.dialler.enqueue(
            .message(
                ExtenderMessage(
                    extender: SessionTests.extender, id: 1, payload: ByteBuffer(repeating: 1, count: 1_000_000))))

        var lengths: [Int] = []
        while pair.dialler.isSendable {
            var record = ByteBuffer()
            pair.dialler.seal(into: &record, budget: 1)
            lengths.append(record.readableBytes)
        }

        // The last one is not full.
        #expect(Set(lengths.dropLast()).count > 8)
        #expect(lengths.dropLast().allSatisfy { (61_000...65_536).contains($0) })
    }

    @Test func `an open session follows a changed policy with its next record`() throws {
        let node = try TestNode(1, settings: .withoutPadding)
        var pair = PeerPair(node, try TestNode(2))
        pair.establish()
        #expect(pair.lengthOfPing() == 27)

        node.environment.settings.padding = .fixed(512)

        #expect(pair.lengthOfPing() == 512 + 18)
    }
}

@Suite struct Noise {
    private func settings(_ noise: NoisePolicy) -> SessionSettings {
        var settings = SessionSettings.withoutPadding
        settings.noise = noise
        settings.keyLifetime = 1_000_000_000...1_000_000_000
        settings.idleTime = .seconds(1_000_000)
        settings.pingInterval = .seconds(500_000)
        return settings
    }

    @Test func `noise comes at random moments, half as often as it may, and means nothing`() throws {
        let noise = NoisePolicy.poisson(PoissonNoise(perMinute: 60, bytesMax: 300, budget: 1_000_000))
        let node = try TestNode(1, settings: settings(noise))
        var pair = PeerPair(node, try TestNode(2, settings: settings(.off)))
        pair.establish()
        let start = pair.clock.now
        let first = node.environment.traffic.noise

        let records = pair.noise(for: .seconds(3600))

        #expect((1500...2100).contains(records.count))
        #expect(records.allSatisfy { (1...300).contains($0.bytes - 18) })
        #expect(Set(records.map(\.bytes)).count > 250)
        for minute in 0..<60 {
            let begin = start + .seconds(60 * minute)
            #expect(records.filter { $0.at >= begin && $0.at < begin + .seconds(60) }.count <= 60)
        }
        // Of exponential waits with a mean of 2 s, 39 % are below 1 s and 8 % above 5 s.
        let waits = zip(records.dropFirst(), records).map { $0.at - $1.at }
        #expect((0.34...0.44).contains(Double(waits.count { $0 < .seconds(1) }) / Double(waits.count)))
        #expect((0.05...0.12).contains(Double(waits.count { $0 > .seconds(5) }) / Double(waits.count)))
        #expect(pair.acceptorEvents.isEmpty)
        #expect(node.environment.traffic.noise - first == UInt64(records.map(\.bytes).reduce(0, +)))
    }

    @Test func `a session's first record has noise, whether anything is meant or not`() throws {
        let noise = NoisePolicy.poisson(PoissonNoise(perMinute: 60, bytesMax: 300, budget: 1_000_000))
        let (ada, ben) = (try TestNode(1, settings: settings(noise)), try TestNode(2, settings: settings(noise)))
        var lengths: Set<Int> = []
        for number in 0..<40 {
            var pair = PeerPair(ada, ben)
            pair.start()
            pair.deliverToAcceptor()
            // Its last flight is out, and a record right behind it.
            var answer = pair.toDialler
            pair.toDialler = ByteBuffer()
            pair.dialler.received(
                &answer, at: pair.clock.now, wall: pair.clock.wall, admit: { _ in true }, into: &pair.toAcceptor,
                events: &pair.diallerEvents)
            #expect(pair.dialler.isSendable == true)
            if number.isMultiple(of: 2) { pair.dialler.enqueue(.ping(1)) }
            let start = pair.toAcceptor.readableBytes
            pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
            let length = pair.toAcceptor.readableBytes - start - (number.isMultiple(of: 2) ? 27 : 18)
            #expect((1...300).contains(length))
            lengths.insert(length)
            #expect(pair.dialler.isSendable == false)
            pair.deliverToAcceptor()
            #expect(pair.toDialler.readableBytes > 18)
            pair.run()
            #expect(pair.agreed != nil)
        }
        #expect(lengths.count > 25)
    }

    @Test func `no minute has more noise than the most, nor more cover than the budget`() throws {
        for (budget, bytesMax) in [(1_000_000_000, 10), (2_000, 1_000)] {
            let noise = PoissonNoise(perMinute: 4, bytesMax: bytesMax, budget: budget)
            var pair = PeerPair(
                try TestNode(1, settings: settings(.poisson(noise))), try TestNode(2, settings: settings(.off)))
            pair.establish()
            let records = pair.noise(for: .seconds(36_000))
            #expect(records.count > 500)
            for (index, record) in records.enumerated() {
                let minute = records[index...].prefix { $0.at < record.at + .seconds(60) }
                // A window may straddle two minutes of the machine.
                #expect(minute.count <= 8)
                #expect(minute.map(\.bytes).reduce(0, +) <= 2 * (budget + bytesMax + 18))
            }
        }
    }

    @Test func `noise that is due goes with what is meant`() throws {
        let noise = PoissonNoise(perMinute: 60, bytesMax: 300, budget: 1_000_000)
        let node = try TestNode(1, settings: settings(.poisson(noise)))
        var pair = PeerPair(node, try TestNode(2, settings: settings(.off)))
        pair.establish()
        while !pair.dialler.isSendable {
            pair.clock.advance(by: .milliseconds(100))
            pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
        }

        let before = node.environment.traffic
        let length = pair.lengthOfPing()
        let sent = node.environment.traffic - before

        #expect(length > 27 && sent.real == 27 && sent.noise == UInt64(length - 27))
        #expect(pair.dialler.isSendable == false)
    }

    @Test func `at a constant rate records of one length come at even moments, whatever is meant`() throws {
        let rate = ConstantRate(perMinute: 600, bytes: 1)
        var pair = PeerPair(
            try TestNode(1, settings: settings(.constant(rate))), try TestNode(2, settings: settings(.off)))
        pair.establish()
        let message = ExtenderMessage(
            extender: SessionTests.extender, id: 1, payload: ByteBuffer(repeating: 1, count: 100_000))
        let quiet = pair.noise(for: .seconds(2))

        pair.dialler.enqueue(.message(message))
        #expect(pair.dialler.isSendable == false)
        let busy = pair.noise(for: .seconds(2))

        #expect(pair.acceptorEvents == [.message(.message(message))])
        #expect(quiet.count == 20 && busy.count == 20)
        let records = quiet + busy
        #expect(Set(records.map(\.bytes)) == [ConstantRate.bytesMin + 18])
        #expect(Set(zip(records.dropFirst(), records).map { $0.at - $1.at }) == [.milliseconds(100)])
    }

    @Test func `a session at a constant rate says goodbye at once`() throws {
        let rate = ConstantRate(perMinute: 1, bytes: 10_000)
        var pair = PeerPair(
            try TestNode(1, settings: settings(.constant(rate))), try TestNode(2, settings: settings(.off)))
        pair.establish()
        pair.dialler.close(.done, events: &pair.diallerEvents)
        pair.run()
        #expect(pair.acceptorEvents == [.closed(.closedByPeer(.done))])
    }

    @Test func `an open session begins and ends with noise as its settings change`() throws {
        let node = try TestNode(1, settings: settings(.off))
        var pair = PeerPair(node, try TestNode(2, settings: settings(.off)))
        pair.establish()
        let deadline = pair.dialler.nextDeadline
        let quiet = try #require(deadline)

        node.environment.settings.noise = .constant(ConstantRate(perMinute: 60, bytes: 10_000))
        pair.acceptor.enqueue(.ping(1))
        pair.run()
        #expect(pair.dialler.nextDeadline.map { $0 < quiet } == true)

        node.environment.settings.noise = .off
        pair.acceptor.enqueue(.ping(2))
        pair.run()
        #expect(pair.dialler.nextDeadline.map { $0 >= quiet } == true)
    }

    @Test func `sessions inside circuits make no noise`() throws {
        let rate = ConstantRate(perMinute: 600, bytes: 10_000)
        var pair = PeerPair(
            try TestNode(1, settings: settings(.constant(rate))), try TestNode(2, settings: settings(.off)),
            context: .endToEnd)
        pair.establish()
        #expect(pair.dialler.isSendable == false)
        #expect(pair.noise(for: .seconds(10)).isEmpty)
        #expect(pair.lengthOfPing() == 27)
    }

    @Test func `after a refused record no noise is sent`() throws {
        let rate = PoissonNoise(perMinute: 600, bytesMax: 10, budget: 1_000)
        var pair = PeerPair(
            try TestNode(1, settings: settings(.poisson(rate))), try TestNode(2, settings: settings(.off)))
        pair.establish()
        while !pair.dialler.isSendable {
            pair.clock.advance(by: .milliseconds(100))
            pair.dialler.deadlinePassed(at: pair.clock.now, events: &pair.diallerEvents)
        }
        pair.toDialler.writeRepeatingByte(1, count: 65_600)
        pair.deliverToDialler()
        #expect(pair.toAcceptor.readableBytes == 0)
        #expect(pair.dialler.isSendable == false)
    }
}

extension PeerPair {
    struct Sealed {
        let at: MonotonicInstant
        let bytes: Int
    }

    /// Lets the dialler's time pass, in steps of 10 ms; what it sends arrives. Each record.
    mutating func noise(for duration: Duration) -> [Sealed] {
        let end = clock.now + duration
        var records: [Sealed] = []
        while clock.now < end {
            clock.advance(by: .milliseconds(10))
            dialler.deadlinePassed(at: clock.now, events: &diallerEvents)
            while dialler.isSendable {
                var record = ByteBuffer()
                dialler.seal(into: &record, budget: 1)
                records.append(Sealed(at: clock.now, bytes: record.readableBytes))
                toAcceptor.writeBuffer(&record)
                deliverToAcceptor()
            }
        }
        return records
    }

    /// The length of a record with one ping, which arrives.
    mutating func lengthOfPing() -> Int {
        dialler.enqueue(.ping(1))
        dialler.seal(into: &toAcceptor, budget: 1)
        defer { run() }
        return toAcceptor.readableBytes
    }
}
