/// The numbers that both ends of a stream, their kernels and their links agree on.
package enum StreamLimits {
    /// Bytes that the opener may send before the other side has granted any; so a request goes with the open.
    package static let openerCredit: UInt64 = 65_536
    /// The most that a receiver ever grants beyond what its handler has consumed.
    package static let windowMax: UInt64 = 4 * 1_048_576
    /// The longest message of an extender, in bytes: what a link's frame of 1 MiB holds beside its own 7 bytes and the
    /// longest header (1,024 bytes). Sessions and links have the same bound, so that none takes what the other can't.
    package static let messageBytesMax = 1_048_576 - 7 - 1_024
    /// The most bytes of one data frame or message.
    package static let dataBytesMax = 65_536
}

/// Why a stream was reset; travels as four bytes, unknown values are kept.
public struct StreamResetCode: RawRepresentable, Hashable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt32

    /// Wraps a number from the wire, known or not.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The other side's handler wants no more.
    public static let cancelled = StreamResetCode(rawValue: 1)
    /// The other side does not take this stream.
    public static let refused = StreamResetCode(rawValue: 2)
    /// No extender of this name is attached there.
    public static let noSuchExtender = StreamResetCode(rawValue: 3)
    /// The session that carried the stream ended.
    public static let peerGone = StreamResetCode(rawValue: 4)
    /// More bytes came than were granted, or frames out of order.
    public static let protocolBroken = StreamResetCode(rawValue: 5)
    /// Too many streams there; try again later.
    public static let overloaded = StreamResetCode(rawValue: 6)
    /// The replica that held the other end is gone.
    public static let replicaGone = StreamResetCode(rawValue: 7)
    /// The other side's handler failed.
    public static let failed = StreamResetCode(rawValue: 8)

    /// Codes from here on are the extender's own.
    public static let extenderCodeMin: UInt32 = 1024
}
