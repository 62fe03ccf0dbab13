package import GateModel

/// Bounds how many connections, handshakes and sessions alike, one network holds: IPv4 by /24, IPv6 by /48.
///
/// Whoever commands a network has many addresses, so bounds per address alone don't hold it. Remembers only networks that
/// hold connections, so it is bounded by their number. This machine's own addresses are counted, not bounded.
package struct SubnetLimiter {
    /// Connections of one IPv4 network at once; 0: any number.
    package var ipv4Maximum = 0
    /// Connections of one IPv6 network at once; 0: any number.
    package var ipv6Maximum = 0
    private var counts: [IPAddress: Int] = [:]

    /// Leading bits that the addresses of an IPv4 network share.
    package static let ipv4Length = 24
    /// Leading bits that the addresses of an IPv6 network share.
    package static let ipv6Length = 48

    /// No network holds any, and none is bounded.
    package init() {}

    /// How many networks hold connections.
    package var networkCount: Int { counts.count }

    /// Whether the network of an address holds as many connections as it may.
    package func isFull(_ address: IPAddress) -> Bool {
        let network = SubnetLimiter.network(of: address)
        guard !address.isLoopback, let count = counts[network] else { return false }
        let maximum = network.bitCount == 32 ? ipv4Maximum : ipv6Maximum
        return maximum > 0 && count >= maximum
    }

    /// A connection was taken; ``left(_:)`` follows once it has ended.
    package mutating func entered(_ address: IPAddress) {
        counts[SubnetLimiter.network(of: address), default: 0] += 1
    }

    /// A connection that was taken has ended.
    package mutating func left(_ address: IPAddress) {
        let network = SubnetLimiter.network(of: address)
        guard let count = counts[network] else { return }
        counts[network] = count > 1 ? count - 1 : nil
    }

    private static func network(of address: IPAddress) -> IPAddress {
        let address = address.embeddedIPv4 ?? address
        return address.masked(to: address.bitCount == 32 ? ipv4Length : ipv6Length)
    }
}
