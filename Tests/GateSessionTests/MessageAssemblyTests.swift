import GateCrypto
import GateModel
import GateTestKit
import GateWire
import NIOCore
import Testing

@testable import GateSession

@Suite struct MessageAssemblyTests {
    private let now = ManualClock().now

    private func head(_ count: Int, _ flags: ExtenderMessage.Flags = []) -> ExtenderMessage {
        ExtenderMessage(
            extender: ShippedExtender.socks5, id: 1, flags: flags, payload: ByteBuffer(repeating: 1, count: count))
    }

    @Test func `more messages in parts than allowed are refused`() {
        var assembly = MessageAssembly()
        for part in 0..<UInt32(WireLimits.partialMessagesMax) {
            #expect(assembly.start(part: part, head: head(1), total: 2, at: now).failure == nil)
        }
        #expect(assembly.start(part: 99, head: head(1), total: 2, at: now).failure == .limitExceeded)
    }

    @Test func `more bytes of messages in parts than allowed are refused`() {
        var assembly = MessageAssembly()
        for part in 0..<4 as Range<UInt32> {
            #expect(assembly.start(part: part, head: head(1), total: 1 << 20, at: now).failure == nil)
        }
        #expect(assembly.start(part: 9, head: head(1), total: 2, at: now).failure == .limitExceeded)
    }

    @Test func `parts of an unknown message, twice begun, empty or too long are refused`() {
        var assembly = MessageAssembly()
        #expect(assembly.add(part: 1, ByteBuffer(bytes: [1])).failure == .protocolViolation)
        #expect(assembly.start(part: 1, head: head(1), total: 3, at: now).failure == nil)
        #expect(assembly.start(part: 1, head: head(1), total: 3, at: now).failure == .protocolViolation)
        #expect(assembly.add(part: 1, ByteBuffer()).failure == .protocolViolation)
        #expect(assembly.add(part: 1, ByteBuffer(bytes: [1, 2, 3])).failure == .protocolViolation)
    }

    @Test func `a message that takes too long is dropped, and its parts are no fault`() {
        var assembly = MessageAssembly()
        _ = assembly.start(part: 1, head: head(1, .receiptWanted), total: 3, at: now)
        _ = assembly.start(part: 2, head: head(1), total: 3, at: now + .seconds(1))
        #expect(assembly.nextDeadline == now + MessageAssembly.patience)

        assembly.drop(at: now + MessageAssembly.patience)
        #expect(assembly.nextDeadline == now + MessageAssembly.patience + .seconds(1))
        assembly.drop(at: now + MessageAssembly.patience + .seconds(1))
        #expect(assembly.nextDeadline == nil)

        #expect(assembly.add(part: 1, ByteBuffer(bytes: [1])).isIncomplete)
        #expect(assembly.add(part: 1, ByteBuffer(bytes: [1])).droppedID == .some(1))
        #expect(assembly.add(part: 2, ByteBuffer(bytes: [1, 2])).droppedID == .some(nil))
        #expect(assembly.add(part: 2, ByteBuffer(bytes: [1])).failure == .protocolViolation)
    }

    @Test func `a late message has its place until it is over, and its bound`() {
        var assembly = MessageAssembly()
        for part in 0..<4 as Range<UInt32> {
            _ = assembly.start(part: part, head: head(1), total: 1 << 20, at: now)
        }
        assembly.drop(at: now + MessageAssembly.patience * 2)
        #expect(assembly.start(part: 9, head: head(1), total: 2, at: now).failure == .limitExceeded)
        #expect(assembly.add(part: 0, ByteBuffer(repeating: 1, count: 1 << 20)).failure == .protocolViolation)
    }

    @Test func `bytes that come buy time, single ones do not`() {
        var assembly = MessageAssembly()
        _ = assembly.start(part: 1, head: head(1), total: 1 << 20, at: now)
        let first = assembly.nextDeadline
        for _ in 0..<16 { _ = assembly.add(part: 1, ByteBuffer(bytes: [1])) }
        #expect(assembly.nextDeadline.map { $0 < now + MessageAssembly.patience + .seconds(1) } == true)
        _ = assembly.add(part: 1, ByteBuffer(repeating: 1, count: MessageAssembly.paceBytes))
        #expect(
            assembly.nextDeadline.flatMap { later in first.map { later - $0 } } ?? .zero >= MessageAssembly.patience)
    }
}

@Suite struct LateMessages {
    @Test func `cost no session, and whoever wants a receipt learns of it`() throws {
        let settings = SessionSettings.updating()
        var pair = try StandingPair(try TestNode(1, settings: settings), try TestNode(2, settings: settings))
        let begin = ExtenderMessage(
            extender: ShippedExtender.socks5, id: 5, flags: .receiptWanted, payload: ByteBuffer(bytes: [1]))
        var (plaintext, output) = (ByteBuffer(), ByteBuffer())
        var events: [PeerEvent] = []

        MessageCodec.encodeMessageStart(part: 1, head: begin, total: 3, into: &plaintext)
        pair.acceptor.received(plaintext: &plaintext, wall: pair.clock.wall, into: &events)
        let deadline = pair.acceptor.nextDeadline
        pair.clock.advance(by: MessageAssembly.patience)
        #expect(deadline.map { $0 <= pair.clock.now } == true)
        let failure = pair.acceptor.deadlinePassed(at: pair.clock.now)
        #expect(failure == nil)
        MessageCodec.encodeMessagePart(part: 1, ByteBuffer(bytes: [2, 3]), into: &plaintext)
        pair.acceptor.received(plaintext: &plaintext, wall: pair.clock.wall, into: &events)
        #expect(events.isEmpty)

        pair.acceptor.seal(into: &output, budget: 1 << 20)
        _ = pair.dialler.received(
            &output, at: pair.clock.now, wall: pair.clock.wall, takes: { _ in true }, into: &events)
        #expect(events == [.message(.receipt(id: 5, status: .queueFull))])
    }
}

@Suite struct SettledMessages {
    /// What waits is copied between any two records, in the middle of messages in parts, too.
    @Test func `come as they were sent`() throws {
        var pair = PeerPair(try TestNode(1), try TestNode(2))
        pair.establish()
        let read = ByteBuffer(bytes: (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 5) })
        let lengths = [3, 400_000, 65_536, 300_000, 1, 200_000, 1]
        var sent: [ExtenderMessage] = []
        for (number, length) in lengths.enumerated() {
            let payload = try #require(read.getSlice(at: number * 1000, length: length))
            sent.append(ExtenderMessage(extender: ShippedExtender.socks5, id: UInt64(number), payload: payload))
            pair.dialler.enqueue(.message(sent[number]))
        }
        pair.dialler.enqueue(.cells(try #require(read.getSlice(at: 0, length: 40 * WireLimits.cellBytes))))
        while pair.dialler.queuedBytes > 0 {
            pair.dialler.seal(into: &pair.toAcceptor, budget: 1)
            pair.dialler.settle()
            pair.deliverToAcceptor()
        }

        var (messages, bytes): ([ExtenderMessage], [UInt8]) = ([], [])
        for event in pair.acceptorEvents {
            if case .message(.message(let message)) = event { messages.append(message) }
            if case .message(.cells(let cells)) = event { bytes += cells.readableBytesView }
        }
        #expect(messages.map(\.id) == sent.map(\.id) && messages.map(\.payload) == sent.map(\.payload))
        #expect(bytes == Array(read.readableBytesView.prefix(40 * WireLimits.cellBytes)))
    }
}

extension MessageAssembly.Step {
    fileprivate var isIncomplete: Bool { if case .incomplete = self { true } else { false } }
    fileprivate var droppedID: UInt64?? { if case .dropped(let id) = self { .some(id) } else { nil } }
    fileprivate var failure: SessionFailure? { if case .refused(let failure) = self { failure } else { nil } }
}
