import GateModel
import Testing

@Suite struct AddressBlocks {
    private func block(_ text: String) throws -> AddressBlock { try #require(AddressBlock(text: text)) }

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text: text)) }

    @Test(arguments: [
        ("203.0.113.0/24", "203.0.113.255", true), ("203.0.113.0/24", "203.0.114.0", false),
        ("0.0.0.0/0", "255.255.255.255", true), ("0.0.0.0/0", "::", false), ("10.0.0.1", "10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false), ("::/0", "2001:db8::1", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::", false), ("2001:db8:0:0:8000::/65", "2001:db8::8000:0:0:1", true),
        ("2001:db8:0:0:8000::/65", "2001:db8::1", false), ("2001:db8::/64", "2001:db8::ffff:0:0:1", true),
        ("::1", "::1", true), ("::1", "::2", false),
    ])
    func `hold the addresses that begin with their bits`(block: String, address: String, isInside: Bool) throws {
        #expect(try self.block(block).contains(self.address(address)) == isInside)
    }

    @Test(arguments: ["", "/8", "10.0.0.0/33", "10.0.0.1/8", "::/129", "::1/64", "10.0.0.0/", "10.0.0.0/-1", "a/8"])
    func `of another spelling are none`(text: String) { #expect(AddressBlock(text: text) == nil) }

    @Test(arguments: ["10.0.0.0/8", "2001:db8::/32"])
    func `are written as they are read`(text: String) throws { #expect(try block(text).description == text) }
}
