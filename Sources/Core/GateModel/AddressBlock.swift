/// A block of addresses: `203.0.113.0/24`, `2001:db8::/32`; of one address where the length is the family's.
package struct AddressBlock: Hashable, Sendable {
    /// The first address.
    package let prefix: IPAddress
    /// How many leading bits its addresses share: 0 to 32 for IPv4, 0 to 128 for IPv6.
    package let length: Int

    /// `nil` if the length does not fit the address's family or bits after it are not zero.
    package init?(prefix: IPAddress, length: Int) {
        guard (0...prefix.bitCount).contains(length), prefix.masked(to: length) == prefix else { return nil }
        self.prefix = prefix
        self.length = length
    }

    /// The block around an address; bits after the length are cleared. Lengths beyond the family's are the family's.
    package init(around address: IPAddress, length: Int) {
        self.length = min(max(length, 0), address.bitCount)
        prefix = address.masked(to: self.length)
    }

    /// Whether an address is of the block. An IPv4 address in IPv6 clothing is of IPv4 blocks, too.
    package func contains(_ address: IPAddress) -> Bool {
        if prefix.bitCount == address.bitCount { return address.masked(to: length) == prefix }
        return address.embeddedIPv4.map(contains) ?? false
    }
}

extension AddressBlock: CustomStringConvertible {
    /// Reads `ADDRESS/LENGTH`, or one address; `nil` for anything else, a block with bits behind its length included.
    package init?(text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let prefix = parts.first.flatMap({ IPAddress(text: $0) }) else { return nil }
        guard parts.count == 2 else {
            self.init(prefix: prefix, length: prefix.bitCount)
            return
        }
        guard let length = Int(parts[1]), String(length) == parts[1] else { return nil }
        self.init(prefix: prefix, length: length)
    }

    /// `ADDRESS/LENGTH`; one block has one text.
    package var description: String { "\(prefix)/\(length)" }
}

extension IPAddress {
    /// Bits of an address of this family.
    package var bitCount: Int {
        switch self {
        case .v4: 32
        case .v6: 128
        }
    }

    /// The address with every bit after the first `length` cleared.
    package func masked(to length: Int) -> IPAddress {
        switch self {
        case .v4(let value): .v4(length >= 32 ? value : value & ~(UInt32.max >> UInt32(max(length, 0))))
        case .v6(let high, let low):
            .v6(
                length >= 64 ? high : high & ~(UInt64.max >> UInt64(max(length, 0))),
                length >= 128 ? low : length <= 64 ? 0 : low & ~(UInt64.max >> UInt64(length - 64)))
        }
    }
}

/// Whom a reputation or a ban is about: a node by its UUID, or a block of addresses.
package enum AccessSubject: Hashable, Sendable {
    /// A node, wherever it comes from.
    case node(NodeUUID)
    /// Everybody who comes from there.
    case block(AddressBlock)

    /// What one host commands: an IPv4 address, or the /64 of an IPv6 one.
    package static func host(_ address: IPAddress) -> AccessSubject {
        let address = address.embeddedIPv4 ?? address
        return .block(AddressBlock(around: address, length: hostLength(address)))
    }

    /// Whether the subject is a node or what ``host(_:)`` makes: what can have a reputation.
    package var hasReputation: Bool {
        switch self {
        case .node: true
        case .block(let block): block.length == AccessSubject.hostLength(block.prefix)
        }
    }

    private static func hostLength(_ address: IPAddress) -> Int {
        switch address {
        case .v4: 32
        case .v6: 64
        }
    }
}

extension AccessSubject: CustomStringConvertible {
    /// Reads a UUID, a block or an address.
    package init?(text: some StringProtocol) {
        if let node = NodeUUID(text: text) {
            self = .node(node)
        } else if let block = AddressBlock(text: text) {
            self = .block(block)
        } else {
            return nil
        }
    }

    /// The UUID's or the block's text; one subject has one text.
    package var description: String {
        switch self {
        case .node(let node): node.description
        case .block(let block): block.description
        }
    }
}
