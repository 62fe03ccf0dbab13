/// Why a side ends a session on purpose: one byte of the close message. Codes not listed are kept as they came.
package struct SessionCloseReason: RawRepresentable, Hashable, Sendable {
    /// The byte on the wire.
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Nothing is wrong; the side no longer needs the session.
    package static let done = SessionCloseReason(rawValue: 0)
    /// The worker stops; dial again, another may answer.
    package static let goingAway = SessionCloseReason(rawValue: 1)
    /// Nothing was heard for the idle time.
    package static let idle = SessionCloseReason(rawValue: 2)
    /// Another session between the same two nodes stays instead.
    package static let duplicate = SessionCloseReason(rawValue: 3)
    /// Access control says no (any more).
    package static let notAllowed = SessionCloseReason(rawValue: 4)
    /// The other side broke the protocol.
    package static let protocolViolation = SessionCloseReason(rawValue: 5)
    /// A credit or bound was exceeded.
    package static let limitExceeded = SessionCloseReason(rawValue: 6)
    /// The other side's certificate ran out and no fresh one came.
    package static let certificateExpired = SessionCloseReason(rawValue: 7)
    /// The side ran out of memory or another resource.
    package static let overloaded = SessionCloseReason(rawValue: 8)
}
