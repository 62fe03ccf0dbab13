import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateSession

@Suite struct CompressedMessages {
    private func message(_ count: Int, _ flags: ExtenderMessage.Flags = .compressed) -> ExtenderMessage {
        let text = (0...count / 20).map { "line \($0 * 7919 % 10_007) says much the same\n" }.joined()
        let payload = ByteBuffer(string: String(text.prefix(count)))
        return ExtenderMessage(extender: SessionTests.extender, id: 1, flags: flags, payload: payload)
    }

    /// Bytes that the dialler sends for a message, which has to arrive as it was but for the flag.
    private func sent(
        _ message: ExtenderMessage, least: Int? = 512, versions: PeerVersions = .spoken
    ) throws -> Int {
        var settings = SessionSettings.withoutPadding
        settings.compressionMinimum = least
        var pair = PeerPair(
            try TestNode(1, versions: versions, settings: settings), try TestNode(2, versions: versions))
        pair.establish()
        pair.dialler.enqueue(.message(message))
        pair.dialler.seal(into: &pair.toAcceptor, budget: .max >> 1)
        let count = pair.toAcceptor.readableBytes
        pair.run()
        var plain = message
        plain.flags.remove(.compressed)
        #expect(pair.acceptorEvents == [.message(.message(plain))])
        return count
    }

    @Test(arguments: [512, 20_000, 1_000_000]) func `a message that may be compressed comes whole, in fewer bytes`(
        count: Int
    ) throws {
        #expect(try sent(message(count)) < count / 2)
        #expect(try sent(message(count, [])) > count)
    }

    @Test func `short messages, other settings and version 1 do without`() throws {
        #expect(try sent(message(511)) > 511)
        #expect(try sent(message(600), least: nil) > 600)
        #expect(try sent(message(600), least: 601) > 600)
        #expect(try sent(message(600), versions: PeerVersions(only: 1)) > 600)
        #expect(try sent(message(600)) < 400)
    }

    @Test func `what no extender takes is not unfolded, whatever it holds`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        pair.acceptorTakes = { _ in false }
        pair.dialler.enqueue(.message(message(600)))
        pair.run()
        guard case .message(.message(let came)) = try #require(pair.acceptorEvents.first) else {
            Issue.record("no message")
            return
        }
        #expect(came.flags.contains(.compressed))
        #expect(came.payload.readableBytes < 400)
    }

    @Test func `a session that has much unfolded is read on when that is made up for`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        for _ in 0..<10 { pair.dialler.enqueue(.message(message(1_000_000))) }
        pair.run()
        let came = pair.acceptorEvents.count
        #expect((4..<10).contains(came))
        let pause = pair.acceptor.resumesReading
        let end = try #require(pause)
        let deadline = pair.acceptor.nextDeadline
        #expect(deadline == end)

        var waits = 0
        while pair.acceptorEvents.count < 10, waits < 100 {
            pair.clock.advance(by: .milliseconds(32))
            pair.acceptor.deadlinePassed(at: pair.clock.now, events: &pair.acceptorEvents)
            pair.deliverToAcceptor()
            waits += 1
        }
        #expect(pair.acceptorEvents.count == 10)
        #expect((4...8).contains(waits), "a megabyte takes a thirty-second of a second")
    }

    @Test func `flags of receipts and priority stay`() throws {
        #expect(try sent(message(600, [.compressed, .receiptWanted, .interactive])) < 400)
    }
}
