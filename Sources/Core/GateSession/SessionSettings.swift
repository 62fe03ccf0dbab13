/// Everything about a session that an operator may set, with the defaults of security level 1.
package struct SessionSettings: Hashable, Sendable {
    /// From the first byte to an established session; longer closes.
    package var handshakeTime: Duration = .seconds(30)
    /// A session that sent nothing for this long sends a ping.
    package var pingInterval: Duration = .seconds(30)
    /// A session that heard nothing for this long closes. More than twice the ping interval.
    package var idleTime: Duration = .seconds(90)
    /// Padding of each record.
    package var padding = PaddingPolicy.range(0...64)
    /// What direct sessions send beside what is meant.
    package var noise = NoisePolicy.off
    /// The shortest message that is compressed; `nil`: none is.
    package var compressionMinimum: Int? = 512
    /// Random padding bytes added to each handshake flight.
    package var flightPadding: ClosedRange<Int> = 0...512
    /// The longest that a flight of a direct connection waits before it has left; zero: it leaves at once.
    package var flightDelay: Duration = .zero
    /// The most pieces in which a flight that waits leaves; two at least, unless this is one.
    package var flightPieces = 1
    /// How long a session whose record was refused is read on before it is closed: milliseconds.
    package var refusedRecordTime: ClosedRange<Int> = 2_000...10_000

    /// How old keys become before this side asks for fresh ones: milliseconds, drawn anew for each epoch.
    package var keyLifetime: ClosedRange<Int> = 300_000...1_200_000
    /// How many bytes this side seals with keys before it asks for fresh ones.
    package var keyVolume = 4 << 30
    /// How long a key update may take; longer closes.
    package var keyUpdateTime: Duration = .seconds(240)

    package init() {}
}
