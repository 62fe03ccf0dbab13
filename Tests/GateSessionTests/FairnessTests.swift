import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

@Suite struct FairnessTests {
    private static let busy = ShippedExtender.socks5
    private static let modest = ExtenderID(UUIDBytes(high: 3, low: 4))

    /// A session on which the busy extender has so many streams open, and the modest one a stream after them.
    private func pair(streams count: UInt32) throws -> PeerPair {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        for number in 0...count {
            pair.dialler.enqueue(
                .streamOpen(
                    alias: 2 * number + 1, id: StreamID(replica: 1, counter: UInt64(number)),
                    extender: number == count ? Self.modest : Self.busy, priority: .bulk, credit: 0))
        }
        pair.run()
        return pair
    }

    /// What the modest extender sent by the time that both have sent so many bytes, in parts of all.
    private func modestShare(_ pair: inout PeerPair, of streams: UInt32) -> Double {
        for number in 0...streams {
            pair.dialler.enqueue(.streamData(alias: 2 * number + 1, ByteBuffer(repeating: 1, count: 60_000)))
        }
        pair.dialler.seal(into: &pair.toAcceptor, budget: 100_000)
        pair.deliverToAcceptor()
        let all = (0...streams).reduce(0) { $0 + pair.acceptorEvents.streamBytes(2 * $1 + 1) }
        return Double(pair.acceptorEvents.streamBytes(2 * streams + 1)) / Double(all)
    }

    @Test(arguments: [1, 3, 40] as [UInt32]) func `extenders share alike however many streams each has`(
        _ streams: UInt32
    ) throws {
        var pair = try pair(streams: streams)

        let share = modestShare(&pair, of: streams)

        #expect((0.4...0.6).contains(share))
    }

    @Test func `an extender's streams and its messages share its turns`() throws {
        var pair = try pair(streams: 2)
        pair.dialler.enqueue(
            .message(ExtenderMessage(extender: Self.busy, id: 1, payload: ByteBuffer(repeating: 2, count: 500_000))))

        let share = modestShare(&pair, of: 2)

        #expect((0.4...0.6).contains(share))
        // Two streams and the message: a third of a half each.
        let first = pair.acceptorEvents.streamBytes(1)
        #expect((16_000...40_000).contains(first), "\(first)")
    }

    @Test func `flows that can't use the room end the record, not the program`() throws {
        var pair = try pair(streams: 1)
        // As many messages in parts as the other side holds, and one more of every extender.
        for number in 0..<UInt64(WireLimits.partialMessagesMax + 8) {
            pair.dialler.enqueue(
                .message(
                    ExtenderMessage(
                        extender: ExtenderID(UUIDBytes(high: 9, low: number)), id: number,
                        payload: ByteBuffer(repeating: 3, count: 300_000))))
        }
        pair.dialler.enqueue(.cells(ByteBuffer(repeating: 0, count: WireLimits.cellBytes)))
        pair.dialler.enqueue(.streamData(alias: 1, ByteBuffer(repeating: 4, count: 60_000)))

        pair.run()

        let messages = pair.acceptorEvents.filter { if case .message(.message) = $0 { true } else { false } }
        #expect(messages.count == WireLimits.partialMessagesMax + 8)
        #expect(pair.acceptorEvents.streamBytes(1) == 60_000)
        #expect(pair.dialler.queuedBytes == 0)
    }
}
