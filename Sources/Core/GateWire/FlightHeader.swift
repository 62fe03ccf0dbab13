import GateCrypto
package import NIOCore

/// What a handshake flight says before its body: fixed size, sealed, never seen on the wire.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | versions: what the sender speaks (flight 1), or the one that is spoken (later flights) |
/// | 1 | kind: 1 handshake, 2 retry |
/// | 1 | pattern: 1 mutual, 2 anonymous |
/// | 1 | context: 1 peer, 2 hop, 3 end to end |
/// | 3 | the flight's suite: KEM, AEAD, hash |
/// | 3 | offers: a bit for each KEM, AEAD, hash that the sender takes (1 << number) |
/// | 4 | minutes since 1970, UTC |
/// | 2 | bytes of the body's plaintext, padding included |
/// | 2 | bytes of it that are the message: Noise's, or a retry's puzzle or nothing; the rest is padding |
///
/// Everything before the two lengths is the *choices*: part of the prologue (first flights and a retry) or of the payload
/// (later ones), so that no change of them survives the handshake.
package struct FlightHeader: Hashable, Sendable {
    /// What a flight is for.
    package enum Kind: UInt8, Sendable {
        /// A Noise message is in its body.
        case handshake = 1
        /// The responder wants an opening anew: with another suite than the one dialled, the header's (or with
        /// ``FlightHeader/noSuite`` none that was offered), with the solution of the `Puzzle` in its body, or both.
        case retry = 2
    }

    /// How a handshake goes.
    package enum Pattern: UInt8, Sendable {
        /// Both sides show certificates.
        case mutual = 1
        /// The responder alone does.
        case anonymous = 2
    }

    /// Bytes of an encoded header.
    package static let byteCount = 18
    /// Bytes of the choices, at its front.
    package static let choicesByteCount = 14
    /// In place of a suite in a retry: none is in common.
    package static let noSuite: [UInt8] = [0, 0, 0]

    package var kind: Kind
    /// In flight 1 all that the sender speaks, in later ones the one that the responder chose.
    package var versions: PeerVersions
    package var pattern: Pattern
    package var context: HandshakeContext
    /// KEM, AEAD and hash by their numbers; what they mean is the handshake's to judge.
    package var suite: [UInt8]
    /// For KEM, AEAD and hash, the bits of those that the sender takes.
    package var offers: [UInt8]
    /// Minutes since 1970.
    package var minute: UInt32
    /// Bytes of the body's plaintext.
    package var bodyBytes: Int
    /// Bytes of it that are the message, in front of the padding.
    package var messageBytes: Int

    package init(
        versions: PeerVersions, kind: Kind = .handshake, pattern: Pattern, context: HandshakeContext, suite: [UInt8],
        offers: [UInt8], minute: UInt32, bodyBytes: Int = 0, messageBytes: Int = 0
    ) {
        precondition(suite.count == 3 && offers.count == 3, "a suite has KEM, AEAD and hash")
        self.kind = kind
        self.versions = versions
        self.pattern = pattern
        self.context = context
        self.suite = suite
        self.offers = offers
        self.minute = minute
        self.bodyBytes = bodyBytes
        self.messageBytes = messageBytes
    }

    /// The header's bytes; both lengths fit two bytes.
    package var encoded: ByteBuffer {
        var bytes = ByteBuffer(bytes: choices)
        bytes.writeMultipleIntegers(UInt16(bodyBytes), UInt16(messageBytes))
        return bytes
    }

    /// The part that the handshake binds.
    package var choices: [UInt8] {
        [versions.encoded, kind.rawValue, pattern.rawValue, context.rawValue] + suite + offers
            + (0..<4).map { UInt8(truncatingIfNeeded: minute >> (24 - 8 * $0)) }
    }

    /// Reads a whole header; `nil` for impossible versions, another kind, pattern or context, or impossible
    /// lengths; a retry has a puzzle or no message.
    package init?(_ bytes: ByteBuffer) {
        var rest = bytes
        guard rest.readableBytes == FlightHeader.byteCount,
            let (versions, kind, pattern, context) = rest.readMultipleIntegers(as: (UInt8, UInt8, UInt8, UInt8).self),
            let versions = PeerVersions(encoded: versions), let kind = Kind(rawValue: kind),
            let pattern = Pattern(rawValue: pattern), let context = HandshakeContext(rawValue: context),
            let suite = rest.readBytes(length: 3), let offers = rest.readBytes(length: 3),
            let (minute, body, message) = rest.readMultipleIntegers(as: (UInt32, UInt16, UInt16).self),
            message <= body, Int(body) <= WireLimits.flightBodyBytesMax,
            kind == .handshake || message == 0 || Int(message) == Puzzle.byteCount
        else { return nil }
        self.init(
            versions: versions, kind: kind, pattern: pattern, context: context, suite: suite, offers: offers,
            minute: minute, bodyBytes: Int(body), messageBytes: Int(message))
    }
}
