import GateCrypto
import NIOCore

/// Two fresh sides of one handshake.
struct HandshakePair: ~Copyable {
    var initiator: NoiseHandshake
    var responder: NoiseHandshake

    init(
        _ pattern: NoisePattern = .mutual, suite: NoiseSuite = .standard, prologues: (String, String) = ("p", "p"),
        psks: ([UInt8], [UInt8])? = nil, slab: SecretSlab
    ) throws {
        let name = pattern.name
        let initiator = try NoiseHandshake(
            pattern: pattern, suite: suite, role: .initiator, prologue: Array(prologues.0.utf8),
            localStatic: name.hasPrefix("X") ? try StaticKey() : nil,
            psks: try psks.map { [try GuardedSecret($0.0)] } ?? [],
            slab: slab)
        let responder = try NoiseHandshake(
            pattern: pattern, suite: suite, role: .responder, prologue: Array(prologues.1.utf8),
            localStatic: try StaticKey(), psks: try psks.map { [try GuardedSecret($0.1)] } ?? [], slab: slab)
        self.initiator = initiator
        self.responder = responder
    }

    /// One message from whoever's turn it is; the payload as it arrived.
    mutating func pass(_ payload: String = "") throws -> String {
        var message = ByteBuffer()
        var received: ByteBuffer
        if initiator.isMyTurn {
            try initiator.writeMessage(payload: Array(payload.utf8), into: &message)
            received = try responder.readMessage(message)
        } else {
            try responder.writeMessage(payload: Array(payload.utf8), into: &message)
            received = try initiator.readMessage(message)
        }
        return received.readString(length: received.readableBytes) ?? ""
    }
}
