import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// Two sessions that stand, dialler's and acceptor's, into which a test puts records or plaintext, whatever the other side
/// would send.
struct StandingPair: ~Copyable {
    var dialler: Session
    var acceptor: Session
    var clock = ManualClock()

    init(_ first: TestNode, _ second: TestNode) throws {
        var initiator = Handshake(
            dialling: second.node, context: .peer, presence: .mutual(first.credentials), environment: first.environment)
        var responder = Handshake(accepting: [.peer], environment: second.environment)
        let wall = ManualClock().wall
        var (there, back, third) = (ByteBuffer(), ByteBuffer(), ByteBuffer())
        _ = initiator.start(wall: wall, into: &there)
        _ = responder.received(&there, wall: wall, admit: { _ in true }, into: &back)
        _ = initiator.received(&back, wall: wall, admit: { _ in true }, into: &third)
        _ = responder.received(&third, wall: wall, admit: { _ in true }, into: &back)
        // Both are made before either is kept: a value with secrets is made whole or not at all.
        let one = try Session(initiator.finish(), environment: first.environment, at: ManualClock().now)
        let other = try Session(responder.finish(), environment: second.environment, at: ManualClock().now)
        dialler = one
        acceptor = other
    }

    /// What the acceptor makes of an authentic record with these messages.
    mutating func tellAcceptor(_ messages: SessionMessage...) -> SessionFailure? {
        var plaintext = StandingPair.plaintext(messages)
        var events: [PeerEvent] = []
        acceptor.received(plaintext: &plaintext, wall: clock.wall, into: &events)
        return acceptor.failure
    }

    /// What the dialler makes of an authentic record with these messages.
    mutating func tellDialler(_ messages: SessionMessage...) -> SessionFailure? {
        var plaintext = StandingPair.plaintext(messages)
        var events: [PeerEvent] = []
        dialler.received(plaintext: &plaintext, wall: clock.wall, into: &events)
        return dialler.failure
    }

    /// Seals all that waits at the acceptor, and forgets it.
    mutating func emptyAcceptor() {
        var output = ByteBuffer()
        acceptor.seal(into: &output, budget: .max >> 1)
    }

    private static func plaintext(_ messages: [SessionMessage]) -> ByteBuffer {
        var plaintext = ByteBuffer()
        for message in messages { MessageCodec.encode(message, into: &plaintext) }
        return plaintext
    }
}

extension SessionSettings {
    /// Keys that live as long or carry as much, and no pings.
    static func updating(seconds: Int = 86_400, volume: Int = 1 << 40) -> SessionSettings {
        var settings = SessionSettings()
        settings.keyLifetime = seconds * 1000...seconds * 1000
        settings.keyVolume = volume
        settings.pingInterval = .seconds(1_000_000)
        settings.idleTime = .seconds(2_000_000)
        return settings
    }
}
