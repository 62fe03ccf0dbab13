package import GateModel
package import NIOCore

/// What travels in records once a session stands: plain values. ``MessageCodec`` has the bytes.
///
/// Streams are named by an *alias*: the session's initiator opens odd ones, its responder even ones; an alias is not
/// used again within a session. Offsets count a stream's bytes in one direction from 0.
package enum SessionMessage: Equatable, Sendable {
    /// Asks for a ``pong(_:)`` with the same number.
    case ping(UInt64)
    /// Answers a ``ping(_:)``.
    case pong(UInt64)
    /// The last message of its direction.
    case close(SessionCloseReason)
    /// The responder's answer to a proof of resumption, its first message: whether the old session goes on, and under
    /// which epoch. Where it does not, this is a session of its own.
    case resumed(isAccepted: Bool, epoch: UInt32)
    /// The sender's worker has a fresh certificate: these are its bytes.
    case certificate(ByteBuffer)
    /// Asks for keys of the next epoch; with the sender's ML-KEM key.
    indirect case keyRequest(KeyShare)
    /// Answers a ``keyRequest(_:)``; with the ML-KEM ciphertext.
    indirect case keyReply(KeyShare)
    /// The last message of its direction under the old keys: the next record has those of `epoch`.
    case keySwitch(epoch: UInt32)
    /// The sender's extenders that the receiver may talk to; replaces the list before.
    case extenders([ExtenderID])
    /// A whole message; the session takes it apart and puts it together.
    case message(ExtenderMessage)
    /// What became of the message `id`.
    case receipt(id: UInt64, status: ReceiptStatus)
    /// Opens a stream. `credit` is the first limit that the opener grants the other side.
    case streamOpen(alias: UInt32, id: StreamID, extender: ExtenderID, priority: Priority, credit: UInt64)
    /// The next bytes of a stream, of the class that its opening named.
    case streamData(alias: UInt32, ByteBuffer)
    /// The receiver allows bytes up to this offset; never less than before.
    case streamCredit(alias: UInt32, limit: UInt64)
    /// The other side's handler has consumed the bytes up to this offset.
    case streamAcknowledged(alias: UInt32, offset: UInt64)
    /// No more bytes in this direction.
    case streamFinish(alias: UInt32)
    /// The stream ends at once in both directions.
    case streamReset(alias: UInt32, code: UInt32)
    /// The sender's extender has consumed everything up to the receiver's finish; with both, the stream is over.
    case streamDone(alias: UInt32)
    /// A stream of an earlier epoch of this session goes on: by its opener under a new alias, then as the answer.
    indirect case streamResume(alias: UInt32, StreamResume)
    /// Cells of circuits: a multiple of ``WireLimits/cellBytes``, opaque here.
    case cells(ByteBuffer)
    /// The receiver of a circuit's cells forwarded this many more.
    case circuitCredit(circuit: UInt32, cells: UInt32)
    /// A circuit ends at once in both directions.
    case circuitDestroy(circuit: UInt32, reason: UInt8)
}

/// What one side gives to a key update.
package struct KeyShare: Hashable, Sendable {
    /// Bytes of an X25519 public key.
    package static let agreementBytes = 32

    /// The epoch that begins.
    package var epoch: UInt32
    /// A fresh X25519 public key: ``agreementBytes`` of them.
    package var agreement: [UInt8]
    /// An ML-KEM encapsulation key, or a ciphertext for one: ``WireLimits/encapsulationBytesMax`` at most.
    package var encapsulation: [UInt8]

    package init(epoch: UInt32, agreement: [UInt8], encapsulation: [UInt8]) {
        self.epoch = epoch
        self.agreement = agreement
        self.encapsulation = encapsulation
    }
}

/// A stream that goes on in a later epoch of its session, and where the sender's end of it stands.
package struct StreamResume: Hashable, Sendable {
    package var id: StreamID
    package var extender: ExtenderID
    package var priority: Priority
    package var standing: StreamStanding

    package init(id: StreamID, extender: ExtenderID, priority: Priority, standing: StreamStanding) {
        self.id = id
        self.extender = extender
        self.priority = priority
        self.standing = standing
    }
}
