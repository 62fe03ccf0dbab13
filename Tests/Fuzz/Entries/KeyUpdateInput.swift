import GateCrypto
import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// Several authentic records of a session whose keys are to be replaced.
///
/// First byte: bit 0 this side is the handshake's initiator, bit 1 it asks first, bit 2 it seals after each record. Then
/// records' plaintexts, each behind its length (2 bytes, big-endian).
enum KeyUpdateInput {
    /// More records than an update takes.
    private static let recordsMax = 16
    /// Longer than any keys last.
    private static let lifetime: Duration = .seconds(1201)

    static func run(_ bytes: [UInt8]) {
        guard let mode = bytes.first else { return }
        var clock = ManualClock()
        var session = honest { try SessionInput.standing(clock, as: mode & 1 == 1 ? .initiator : .responder) }
        var (output, events): (ByteBuffer, [PeerEvent]) = (ByteBuffer(), [])
        if mode & 2 != 0 {
            clock.advance(by: lifetime)
            _ = session.deadlinePassed(at: clock.now)
            session.seal(into: &output, budget: 1 << 20)
        }
        var input = ByteBuffer(bytes: bytes.dropFirst())
        var switches = 0
        for _ in 0..<recordsMax {
            guard let length = input.readInteger(as: UInt16.self), var plaintext = input.readSlice(length: Int(length))
            else { break }
            switches += plaintext.readableBytesView.contains(22) ? 1 : 0
            session.received(plaintext: &plaintext, wall: clock.wall, into: &events)
            if mode & 4 != 0 { session.seal(into: &output, budget: 1 << 20) }
        }
        let epochs = events.compactMap { event in
            if case .keysUpdated(let epoch) = event { epoch } else { nil }
        }
        precondition(epochs == Array(1..<UInt32(1 + epochs.count)), "epochs follow one another")
        precondition(epochs.count <= switches, "no keys are replaced without a switch")
    }

    /// Updates that either side asks for, a tie, and messages out of turn.
    static let seeds: [[UInt8]] = {
        func share(_ count: Int) -> KeyShare {
            KeyShare(
                epoch: 1, agreement: [UInt8](repeating: 9, count: 32),
                encapsulation: [UInt8](repeating: 0, count: count))
        }
        let (request, reply) = (SessionMessage.keyRequest(share(1184)), SessionMessage.keyReply(share(1088)))
        let end = SessionMessage.keySwitch(epoch: 1)
        func records(_ records: [[SessionMessage]]) -> [UInt8] {
            records.flatMap { messages in
                var plaintext = ByteBuffer()
                for message in messages { MessageCodec.encode(message, into: &plaintext) }
                return CellInput.piece(plaintext.bytes)
            }
        }
        return [
            [4] + records([[request], [end], [.ping(1)]]), [5] + records([[request, .ping(1)], [.ping(2), end]]),
            [6] + records([[reply, end], [.ping(1)]]), [7] + records([[request], [reply], [end]]),
            [6] + records([[request], [end]]), [4] + records([[end]]), [5] + records([[reply]]),
            [4] + records([[request], [end, .ping(1)]]), [4] + records([[request], [request]]),
        ]
    }()
}
