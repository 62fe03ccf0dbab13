/// An IPv4 or IPv6 address as its bytes, with the questions that access rules and relays ask of it.
public enum IPAddress: Hashable, Sendable {
    /// Four bytes in network order, as one number.
    case v4(UInt32)
    /// Sixteen bytes in network order, as two numbers.
    case v6(UInt64, UInt64)

    /// Reads four or sixteen bytes in network order.
    public init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4: self = .v4(bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            guard let value = UUIDBytes(bytes: bytes) else { return nil }
            self = .v6(value.high, value.low)
        default: return nil
        }
    }

    /// The bytes in network order: four or sixteen.
    public var bytes: [UInt8] {
        switch self {
        case .v4(let value): (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
        case .v6(let high, let low): UUIDBytes(high: high, low: low).bytes
        }
    }

    /// The IPv4 address inside a mapped (`::ffff:0:0/96`), NAT64 (`64:ff9b::/96`) or 6to4 (`2002::/16`) one.
    public var embeddedIPv4: IPAddress? {
        guard case .v6(let high, let low) = self else { return nil }
        if high == 0, low >> 32 == 0xffff { return .v4(UInt32(truncatingIfNeeded: low)) }
        if high == 0x0064_ff9b_0000_0000, low >> 32 == 0 { return .v4(UInt32(truncatingIfNeeded: low)) }
        if high >> 48 == 0x2002 { return .v4(UInt32(truncatingIfNeeded: high >> 16)) }
        return nil
    }

    /// Whether the address is ordinary public unicast: not private, shared, loopback, link-local, multicast,
    /// documentation, benchmarking, reserved or unspecified (IANA special-purpose registries), nor an IPv6 form that
    /// embeds such an IPv4 address. A mapped address never is.
    public var isPublicUnicast: Bool {
        switch self {
        case .v4(let value):
            return !specialIPv4.contains { value >> (32 - $0.length) == $0.prefix >> (32 - $0.length) }
        case .v6(let high, let low):
            if high == 0, low >> 32 == 0xffff { return false }
            if let embedded = embeddedIPv4 { return embedded.isPublicUnicast }
            guard high >> 61 == 0b001 else { return false }  // 2000::/3 is all that is assigned
            if high >> 32 == 0x2001_0db8 || high >> 41 == 0x2001_0000 >> 9 { return false }  // docs, 2001::/23
            return high >> 44 != 0x3fff0  // 3fff::/20
        }
    }

    /// Whether the address is of this machine only.
    public var isLoopback: Bool {
        switch self {
        case .v4(let value): value >> 24 == 127
        case .v6(let high, let low): (high == 0 && low == 1) || embeddedIPv4.map(\.isLoopback) == true
        }
    }

    /// The network that path choice and subnet limits treat as one: /16 of IPv4, /48 of IPv6.
    package var neighbourhood: IPAddress {
        switch embeddedIPv4 ?? self {
        case .v4(let value): .v4(value & 0xffff_0000)
        case .v6(let high, _): .v6(high & 0xffff_ffff_ffff_0000, 0)
        }
    }
}

/// IANA IPv4 special-purpose registry, multicast and reserved space.
private let specialIPv4: [(prefix: UInt32, length: UInt32)] = [
    (0x0000_0000, 8), (0x0a00_0000, 8), (0x6440_0000, 10), (0x7f00_0000, 8), (0xa9fe_0000, 16), (0xac10_0000, 12),
    (0xc000_0000, 24), (0xc000_0200, 24), (0xc058_6300, 24), (0xc0a8_0000, 16), (0xc612_0000, 15), (0xc633_6400, 24),
    (0xcb00_7100, 24), (0xe000_0000, 4), (0xf000_0000, 4),
]
