import GateModel
import Testing

@testable import GateKernel

@Suite struct CreditLedgerTests {
    /// The streams of a session whose peer has granted all there is.
    private struct Streams {
        var ledger = CreditLedger()
        var gates: [UInt32: CreditGate] = [:]
        /// Bytes of all streams that wait.
        var waiting = 0
        var room = CreditRoom.ample
        private var next: UInt32 = 1

        /// What was told or waits.
        var sum: UInt64 { gates.values.reduce(UInt64(waiting)) { $0 + $1.outstanding } }
        var most: UInt64 { CreditLedger.bytesMax(streamCount: gates.count) }

        mutating func open(_ gate: CreditGate = CreditGate()) -> UInt32 {
            let stream = next
            next += 1
            gates[stream] = gate
            gates[stream]?.grant(.max >> 1)
            _ = tell(stream)
            return stream
        }

        mutating func tell(_ stream: UInt32, isItsTurn: Bool = false) -> UInt64? {
            guard var gate = gates[stream] else { return nil }
            defer { gates[stream] = gate }
            return ledger.next(
                &gate, of: stream, waiting: waiting, streamCount: gates.count, room: room,
                isItsTurn: isItsTurn)
        }

        func told(_ stream: UInt32) -> Int { Int(gates[stream].map { $0.passedOn - $0.sent } ?? 0) }

        /// The extender sends so much of what it was told.
        mutating func send(_ stream: UInt32, _ count: Int) {
            guard var gate = gates[stream], count > 0 else { return }
            ledger.count(count, of: &gate)
            gates[stream] = gate
            waiting += count
            _ = tell(stream)
        }

        /// The peer takes so much; then what stands in the queue has its turn. Who was told more.
        mutating func take(_ count: Int) -> [UInt32] {
            waiting -= min(count, waiting)
            guard waiting < room.lowWaterBytes else { return [] }
            var told: [UInt32] = []
            for _ in 0..<ledger.queueCount {
                guard let stream = ledger.takeTurn() else { continue }
                gates[stream]?.isInQueue = false
                if tell(stream, isItsTurn: true) != nil { told.append(stream) }
            }
            return told
        }

        mutating func end(_ stream: UInt32) {
            if let gate = gates.removeValue(forKey: stream) { ledger.leave(gate, of: stream) }
        }
    }

    @Test(arguments: [1, 4, 64, 256, 1024]) func `a peer that reads nothing has no more than the bound wait`(count: Int)
    {
        var streams = Streams()
        let all = (0..<count).map { _ in streams.open() }
        var before = -1
        while streams.waiting > before {
            before = streams.waiting
            for stream in all { streams.send(stream, min(streams.told(stream), 65_536)) }
            #expect(streams.sum <= streams.most)
        }
        #expect(streams.waiting > SessionEndpoint.lowWaterBytes, "the pipe is filled")
        #expect(streams.sum <= 17 << 20)
        #expect(all.allSatisfy { streams.told($0) == 0 })
    }

    @Test func `one stream has megabytes to send once it sends`() {
        var streams = Streams()
        let stream = streams.open()
        #expect(streams.told(stream) == 65_536)
        for _ in 0..<100 {
            streams.send(stream, min(streams.told(stream), 65_536))
            _ = streams.take(.max)
        }
        #expect(streams.told(stream) > 3 << 19)
    }

    @Test func `who was told much and falls silent leaves others their own bytes`() {
        var streams = Streams()
        for _ in 0..<200 {
            let stream = streams.open()
            for _ in 0..<50 {
                streams.send(stream, min(streams.told(stream), 65_536))
                _ = streams.take(.max)
            }
        }
        #expect(streams.sum <= streams.most)
        let last = streams.open()
        for _ in 0..<100 {
            #expect(streams.told(last) >= CreditLedger.leastBytes)
            streams.send(last, streams.told(last))
            _ = streams.take(.max)
        }
    }

    @Test func `who waits is told in turn, and nobody passes by`() {
        var streams = Streams()
        let all = (0..<64).map { _ in streams.open() }
        while !all.allSatisfy({ streams.told($0) == 0 }) {
            for stream in all { streams.send(stream, streams.told(stream)) }
        }
        let late = streams.open()
        #expect(streams.told(late) == 0)
        #expect(streams.take(streams.waiting - SessionEndpoint.lowWaterBytes).isEmpty)
        let told = streams.take(1)
        #expect(Set(told) == Set(all + [late]))
        #expect(told.last == late)
    }

    @Test func `a stream that ends gives back what it was told, and its place`() {
        var streams = Streams()
        let all = (0..<64).map { _ in streams.open() }
        #expect(streams.ledger.borrowed > 0)
        while !all.allSatisfy({ streams.told($0) == 0 }) {
            for stream in all { streams.send(stream, streams.told(stream)) }
        }
        #expect(streams.ledger.queueCount == 64)
        for stream in all { streams.end(stream) }
        #expect(streams.ledger.queueCount == 0)
        #expect(streams.ledger.borrowed == 0)
        streams.waiting = 0
        for _ in 0..<64 { _ = streams.open() }
        for stream in Array(streams.gates.keys) { streams.end(stream) }
        #expect(streams.ledger.borrowed == 0)
    }

    @Test func `an opener's first bytes are lent by nobody`() {
        var streams = Streams()
        for _ in 0..<256 { _ = streams.open(.opener) }
        #expect(streams.gates.keys.allSatisfy { streams.told($0) == 65_536 })
        #expect(streams.ledger.borrowed == 0)
        let other = streams.open()
        #expect(streams.told(other) >= CreditLedger.leastBytes)
    }

    @Test func `where little is left to lend a stream borrows less, and where nothing is it has its own bytes`() {
        var streams = Streams()
        let stream = streams.open()
        /// Sends and has read all that it may, until it is told no more than before.
        func settled(_ room: CreditRoom) -> Int {
            streams.room = room
            for _ in 0..<100 {
                streams.send(stream, min(streams.told(stream), 65_536))
                _ = streams.take(.max)
            }
            return streams.told(stream)
        }
        #expect(settled(.ample) > 1 << 20)
        #expect((200_000...262_144).contains(settled(CreditRoom(bytes: 1 << 20, isCrowded: false))))
        #expect(settled(CreditRoom(bytes: 0, isCrowded: true)) == CreditLedger.leastBytes)
        while streams.told(stream) > 0 { streams.send(stream, streams.told(stream)) }
        #expect(streams.waiting == CreditRoom.crowdedBytes)
        #expect(streams.take(1) == [stream])
        #expect(streams.told(stream) == CreditLedger.leastBytes)
    }

    @Test(arguments: 1...20) func `whatever happens the sum holds, and whoever waits is told`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var streams = Streams()
        for _ in 0..<5000 {
            let alive = streams.gates.keys.sorted()
            let stream = alive.isEmpty ? 0 : alive[Int(random.next() % UInt64(alive.count))]
            switch random.next() % 16 {
            case 0 where alive.count < 200: _ = streams.open()
            case 1: streams.end(stream)
            case 2: _ = streams.take(Int(random.next() % (4 << 20)))
            case 3: streams.room = CreditRoom(bytes: random.next() % (16 << 20), isCrowded: random.next() % 2 == 0)
            default: streams.send(stream, Int(random.next() % UInt64(streams.told(stream) + 1)))
            }
            #expect(streams.sum <= CreditLedger.bytesMax(streamCount: 200))
        }
        _ = streams.take(.max)
        #expect(streams.ledger.queueCount == 0)
        #expect(streams.gates.keys.allSatisfy { streams.told($0) > 0 })
        for stream in Array(streams.gates.keys) { streams.end(stream) }
        #expect(streams.ledger.borrowed == 0)
    }
}
