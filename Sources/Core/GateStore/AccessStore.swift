package import GateModel

/// A rule about a range of addresses. The longest prefix that contains an address decides.
package struct AddressRule: Sendable, Hashable {
    /// The range's first address.
    package let prefix: IPAddress
    /// How many leading bits are meant: 0 to 32 for IPv4, 0 to 128 for IPv6.
    package let length: Int
    /// Whether addresses of the range may connect.
    package let isAllowed: Bool

    /// `nil` if the length does not fit the address's family or bits after it are not zero.
    package init?(prefix: IPAddress, length: Int, isAllowed: Bool) {
        let bytes = prefix.bytes
        guard (0...bytes.count * 8).contains(length) else { return nil }
        let hasRest = (length..<bytes.count * 8).contains { bytes[$0 / 8] & (0x80 >> UInt8($0 % 8)) != 0 }
        guard !hasRest else { return nil }
        self.prefix = prefix
        self.length = length
        self.isAllowed = isAllowed
    }

    /// Whether an address is of the range.
    package func contains(_ address: IPAddress) -> Bool {
        let own = prefix.bytes
        let other = address.bytes
        guard own.count == other.count else { return false }
        return (0..<length).allSatisfy { bit in
            let mask: UInt8 = 0x80 >> UInt8(bit % 8)
            return own[bit / 8] & mask == other[bit / 8] & mask
        }
    }

    /// The range as a row's key: the prefix's bytes in hexadecimal, `/`, length.
    package var key: String {
        prefix.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "/\(length)"
    }
}

/// Rules about addresses, shared by all workers.
package protocol AccessStore: Sendable {
    /// Every rule, at most `StoreLimit.addressRules`, in the order of their keys.
    func addressRules() async throws(StoreFailure) -> [AddressRule]

    /// Adds a rule, in place of one for the same range.
    func setAddressRule(_ rule: AddressRule) async throws(StoreFailure)

    /// Removes the rule for the range of this one; `.notFound` if there is none.
    func removeAddressRule(_ rule: AddressRule) async throws(StoreFailure)
}
