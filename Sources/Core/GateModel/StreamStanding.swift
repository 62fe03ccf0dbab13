/// Where one end of a stream stands: what it tells the other when the stream goes on over another way.
package struct StreamStanding: Hashable, Sendable {
    /// Bytes that came, in order.
    package var received: UInt64
    /// Of them, those that the handler has consumed.
    package var acknowledged: UInt64
    /// The other end may send bytes below this offset.
    package var limit: UInt64
    /// What has been said.
    package var flags: Flags

    package init(received: UInt64, acknowledged: UInt64, limit: UInt64, flags: Flags = []) {
        self.received = received
        self.acknowledged = acknowledged
        self.limit = limit
        self.flags = flags
    }

    /// An end that has just accepted a stream, of which nothing has come.
    package static let accepted = StreamStanding(received: 0, acknowledged: 0, limit: StreamLimits.openerCredit)

    /// What the ends have told each other; one byte.
    package struct Flags: OptionSet, Hashable, Sendable {
        package let rawValue: UInt8

        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// This end has finished.
        package static let sendFinished = Flags(rawValue: 1)
        /// The other end's finish has come, after `received` bytes.
        package static let finishReceived = Flags(rawValue: 2)
        /// All up to the other end's finish is consumed.
        package static let doneSent = Flags(rawValue: 4)
        /// From the opener: it has heard nothing of the other end, which may not know of the stream yet.
        package static let unanswered = Flags(rawValue: 8)

        /// Every bit that means something.
        package static let known: Flags = [.sendFinished, .finishReceived, .doneSent, .unanswered]
    }

    /// Whether an end can stand so, whatever the other one says.
    package var isPossible: Bool {
        guard flags.isSubset(of: .known), acknowledged <= received, received < .max - StreamLimits.windowMax,
            limit <= acknowledged + StreamLimits.windowMax
        else { return false }
        if flags.contains(.doneSent), !flags.contains(.finishReceived) || acknowledged != received { return false }
        return !flags.contains(.unanswered) || (received == 0 && !flags.contains(.finishReceived))
    }
}
