import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore
import Testing

/// Fresh certificates in a standing session.
@Suite struct SessionCertificateTests {
    let ada: TestNode
    let ben: TestNode
    let now = ManualClock().wall

    init() throws {
        ada = try TestNode(1)
        ben = try TestNode(2)
    }

    /// Of ada's worker, valid from `later` on for a day.
    private func fresh(_ later: Int64 = 3600, of node: TestNode? = nil, key: StaticKey? = nil) -> WorkerCertificate {
        let node = node ?? ada
        return WorkerCertificate.issue(
            by: node.identity, staticKey: (key ?? ada.credentials.staticKey).publicKey, worker: 1, now: now + later,
            lifetimeSeconds: 86_400)
    }

    private func shown(_ bytes: [UInt8], in pair: inout PeerPair) -> [PeerEvent] {
        pair.dialler.enqueue(.certificate(ByteBuffer(bytes: bytes)))
        pair.run()
        return pair.acceptorEvents
    }

    @Test func `a fresh certificate of the worker is reported, and later ones than it only`() throws {
        var pair = PeerPair(ada, ben)
        pair.establish()
        pair.clock.advance(by: .seconds(3600))

        #expect(shown(fresh().encoded, in: &pair) == [.certified(fresh())])
        #expect(shown(fresh().encoded, in: &pair).count == 1, "the same again")
        #expect(shown(fresh(1800).encoded, in: &pair).count == 1, "an older one")
        #expect(shown(fresh(3659).encoded, in: &pair).count == 1, "hardly a later one")
        #expect(shown(fresh(3660).encoded, in: &pair).last == .certified(fresh(3660)))
    }

    @Test func `what would not hold now is ignored`() throws {
        var pair = PeerPair(ada, ben)
        pair.establish()

        #expect(shown(fresh(7200).encoded, in: &pair) == [], "begins in an hour and more")
        pair.clock.advance(by: .seconds(200_000))
        #expect(shown(fresh(7200).encoded, in: &pair) == [], "has ended")
        #expect(pair.acceptor.isClosed == false)
    }

    @Test func `what is not the worker's breaks the protocol`() throws {
        let cleo = try TestNode(3)
        var wrong = fresh().encoded
        wrong[wrong.count - 1] ^= 1
        let tries: [[UInt8]] = [
            fresh(of: cleo).encoded, fresh(of: ben).encoded, fresh(key: try StaticKey()).encoded, wrong, [],
            Array(fresh().encoded.dropLast()), fresh().encoded + [0],
        ]
        for bytes in tries {
            var pair = PeerPair(ada, ben)
            pair.establish()
            pair.clock.advance(by: .seconds(3600))
            #expect(shown(bytes, in: &pair) == [.closed(.protocolViolation)])
        }
    }

    @Test func `the responder's worker shows its own as well`() throws {
        var pair = PeerPair(ada, ben, context: .endToEnd, isAnonymous: true)
        pair.establish()
        let certificate = fresh(60, of: ben, key: ben.credentials.staticKey)

        pair.acceptor.enqueue(.certificate(ByteBuffer(bytes: certificate.encoded)))
        pair.run()

        #expect(pair.diallerEvents == [.certified(certificate)])
    }

    @Test func `who showed no certificate has none to renew`() throws {
        var pair = PeerPair(ada, ben, context: .endToEnd, isAnonymous: true)
        pair.establish()

        #expect(shown(fresh().encoded, in: &pair) == [.closed(.protocolViolation)])
    }

    @Test func `nothing is sent where the other side speaks version 1, and it would be refused`() throws {
        let old = try TestNode(2, versions: PeerVersions(only: 1))
        var pair = PeerPair(ada, old)
        pair.establish()

        #expect(shown(fresh().encoded, in: &pair) == [])
        #expect(pair.acceptor.isClosed == false)
        var secrets = try SessionOverMemory(ada, old)
        #expect(secrets.received(.certificate(ByteBuffer(bytes: fresh().encoded)), wall: now) == .protocolViolation)
    }
}

/// A standing session of the acceptor's into which a test puts plaintext, whatever the dialler would send.
private struct SessionOverMemory: ~Copyable {
    var session: Session

    init(_ dialler: TestNode, _ acceptor: TestNode) throws {
        var initiator = Handshake(
            dialling: acceptor.node, context: .peer, presence: .mutual(dialler.credentials),
            environment: dialler.environment)
        var responder = Handshake(accepting: [.peer], environment: acceptor.environment)
        let clock = ManualClock()
        var (toResponder, toInitiator, rest) = (ByteBuffer(), ByteBuffer(), ByteBuffer())
        _ = initiator.start(wall: clock.wall, into: &toResponder)
        _ = responder.received(&toResponder, wall: clock.wall, admit: { _ in true }, into: &toInitiator)
        var third = ByteBuffer()
        _ = initiator.received(&toInitiator, wall: clock.wall, admit: { _ in true }, into: &third)
        _ = responder.received(&third, wall: clock.wall, admit: { _ in true }, into: &rest)
        session = try Session(responder.finish(), environment: acceptor.environment, at: clock.now)
    }

    mutating func received(_ message: SessionMessage, wall: UnixTime) -> SessionFailure? {
        var plaintext = ByteBuffer()
        MessageCodec.encode(message, into: &plaintext)
        var events: [PeerEvent] = []
        session.received(plaintext: &plaintext, wall: wall, into: &events)
        return session.failure
    }
}
