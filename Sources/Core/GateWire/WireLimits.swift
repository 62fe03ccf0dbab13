import GateModel

/// The bounds of the peer protocol. Checked before anything is allocated.
package enum WireLimits {
    /// An extender message's payload: as much as a link carries.
    package static let messageBytesMax = StreamLimits.messageBytesMax
    /// A record's ciphertext with its tag.
    package static let recordCiphertextMax = 65_535
    /// The authentication tag at the end of a record.
    package static let tagBytes = 16
    /// The masked length before a record's ciphertext.
    package static let recordHeaderBytes = 2
    /// A record's plaintext: messages and padding.
    package static let recordPlaintextMax = recordCiphertextMax - tagBytes
    /// Names in one list of extenders.
    package static let extendersMax = 256
    /// A certificate inside a session: more than any kind of bundle and signature needs.
    package static let certificateBytesMax = 8192
    /// An ML-KEM encapsulation key or ciphertext: those of ML-KEM-1024.
    package static let encapsulationBytesMax = 1568
    /// A circuit's cell.
    package static let cellBytes = 2048
    /// Cells in one message, so that they fit a record.
    package static let cellsMax = 31
    /// Bytes that a stream's sender may be ahead of the receiver's consumption.
    package static let streamWindowMax: UInt64 = 4 << 20
    /// Streams open at once in one session.
    package static let streamsMax = 1024
    /// A handshake flight, header and padding included.
    package static let flightBytesMax = 16_384
    /// A handshake flight's body before it is sealed: what seed, sealed header and tags leave of a flight.
    package static let flightBodyBytesMax = flightBytesMax - 32 - (FlightHeader.byteCount + tagBytes) - tagBytes
    /// Messages of one peer being put together at once.
    package static let partialMessagesMax = 16
    /// Bytes of one peer's messages being put together at once.
    package static let partialMessageBytesMax = 4 << 20
}
