/// A range of versions of the peer protocol, without gaps.
///
/// | version | what it has |
/// | --- | --- |
/// | 1 | everything but what follows |
/// | 2 | fresh certificates in a standing session, key update, compressed messages |
package struct PeerVersions: Hashable, Sendable {
    package let lowest: UInt8
    package let highest: UInt8

    /// What this code speaks.
    package static let spoken = PeerVersions(1, 2)
    /// The first version with certificates in sessions.
    package static let certificatesInSessions: UInt8 = 2
    /// The first version with key update.
    package static let keyUpdate: UInt8 = 2
    /// The first version with compressed messages.
    package static let compression: UInt8 = 2

    private static let numbers: ClosedRange<UInt8> = 1...15

    /// Both from 1 to 15, the lowest first.
    package init(_ lowest: UInt8, _ highest: UInt8) {
        precondition(
            lowest <= highest && PeerVersions.numbers.contains(lowest) && PeerVersions.numbers.contains(highest))
        self.lowest = lowest
        self.highest = highest
    }

    /// One version alone.
    package init(only version: UInt8) { self.init(version, version) }

    /// From one byte, the lowest in the high half; `nil` where that is no range.
    package init?(encoded: UInt8) {
        let (lowest, highest) = (encoded >> 4, encoded & 15)
        guard PeerVersions.numbers.contains(lowest), lowest <= highest else { return nil }
        self.init(lowest, highest)
    }

    /// The one byte.
    package var encoded: UInt8 { lowest << 4 | highest }

    /// The version, where there is just one.
    package var only: UInt8? { lowest == highest ? lowest : nil }

    package func contains(_ version: UInt8) -> Bool { (lowest...highest).contains(version) }

    /// The highest version of both.
    package func highestCommon(with other: PeerVersions) -> UInt8? {
        let version = min(highest, other.highest)
        return version >= max(lowest, other.lowest) ? version : nil
    }

    /// As far as `newest`; never less than the lowest.
    package func upTo(_ newest: UInt8) -> PeerVersions { PeerVersions(lowest, max(lowest, min(highest, newest))) }
}
