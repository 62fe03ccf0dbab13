import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// Any bytes as the plaintext of an authentic record, to a session with a stream of its own open.
enum SessionInput {
    /// What answers may be longer than what they answer, a closing message included.
    private static let answerMargin = 64

    static func run(_ bytes: [UInt8]) {
        let clock = ManualClock()
        var session = honest { try standing(clock) }
        let extender = ExtenderID(.numbered(1))
        if let alias = session.makeAlias() {
            session.enqueue(
                .streamOpen(
                    alias: alias, id: StreamID(replica: 1, counter: 1), extender: extender, priority: .bulk,
                    credit: 1024))
            session.enqueue(.streamData(alias: alias, ByteBuffer(repeating: 5, count: 5000)))
        }
        let before = session.queuedBytes

        var plaintext = ByteBuffer(bytes: bytes)
        var events: [PeerEvent] = []
        session.received(plaintext: &plaintext, wall: ManualClock().wall, into: &events)

        precondition(session.queuedBytes <= before + bytes.count + answerMargin, "answers are no longer than questions")
        precondition(events.count <= bytes.count, "each event took a byte at least")
        var output = ByteBuffer()
        session.seal(into: &output, budget: 1 << 20)
        precondition(!session.isSendable, "what may be sent fits the budget")
    }

    /// One side of a session between two nodes.
    static func standing(_ clock: ManualClock, as role: SessionRole = .responder) throws -> Session {
        let (dialler, acceptor) = (TestNode.seeded(1), TestNode.seeded(2))
        var initiator = Handshake(
            dialling: acceptor.node, context: .peer, presence: .mutual(dialler.credentials),
            environment: dialler.environment)
        var responder = Handshake(accepting: [.peer], environment: acceptor.environment)
        var (there, back) = (ByteBuffer(), ByteBuffer())
        _ = initiator.start(wall: clock.wall, into: &there)
        _ = responder.received(&there, wall: clock.wall, admit: { _ in true }, into: &back)
        _ = initiator.received(&back, wall: clock.wall, admit: { _ in true }, into: &there)
        let step = responder.received(&there, wall: clock.wall, admit: { _ in true }, into: &back)
        precondition(step == .complete, "an honest handshake completes")
        if role == .initiator {
            return try Session(initiator.finish(), environment: dialler.environment, at: clock.now)
        }
        return try Session(responder.finish(), environment: acceptor.environment, at: clock.now)
    }

    /// Each message alone, and all in one record.
    static let seeds = WireMessageInput.seeds
}
