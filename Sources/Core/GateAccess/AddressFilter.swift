package import GateModel

/// Which addresses may connect: blocks of addresses, each allowed or denied. The longest block that contains an address
/// decides; where none does, it may.
///
/// A question costs one look-up for each length of block that there is (33 and 129 at most), however many blocks. An
/// IPv4 address in IPv6 clothing (mapped, NAT64, 6to4) is judged as the IPv4 address that it is, after its own blocks.
package struct AddressFilter: Equatable, Sendable {
    private var v4 = Family()
    private var v6 = Family()

    /// The blocks of one family by their length and first address.
    private struct Family: Equatable {
        /// Longest first.
        var lengths: [Int] = []
        var blocks: [Int: [IPAddress: Bool]] = [:]

        mutating func insert(_ prefix: IPAddress, _ length: Int, isAllowed: Bool) {
            if blocks[length] == nil { lengths = (lengths + [length]).sorted(by: >) }
            blocks[length, default: [:]][prefix] = isAllowed
        }

        func judge(_ address: IPAddress) -> Bool? {
            for length in lengths {
                if let isAllowed = blocks[length]?[address.masked(to: length)] { return isAllowed }
            }
            return nil
        }
    }

    /// Every address may connect.
    package init() {}

    /// Adds a block, in place of one with the same first address and length. Bits after `length` are ignored.
    package mutating func insert(_ prefix: IPAddress, length: Int, isAllowed: Bool) {
        switch prefix {
        case .v4: v4.insert(prefix.masked(to: length), length, isAllowed: isAllowed)
        case .v6: v6.insert(prefix.masked(to: length), length, isAllowed: isAllowed)
        }
    }

    /// Whether an address may connect.
    package func allows(_ address: IPAddress) -> Bool {
        switch address {
        case .v4: return v4.judge(address) ?? true
        case .v6:
            if let isAllowed = v6.judge(address) { return isAllowed }
            return address.embeddedIPv4.flatMap { v4.judge($0) } ?? true
        }
    }
}
