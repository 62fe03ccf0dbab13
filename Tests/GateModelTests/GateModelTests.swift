import GateModel
import Testing

@Suite struct Identifiers {
    @Test func `a UUID survives its text form`() {
        let uuid = UUIDBytes(high: 0x0123_4567_89ab_8def, low: 0x8123_4567_89ab_cdef)
        #expect(uuid.text == "01234567-89ab-8def-8123-456789abcdef")
        #expect(UUIDBytes(text: uuid.text) == uuid)
        #expect(UUIDBytes(bytes: uuid.bytes) == uuid)
    }

    @Test(arguments: [
        "", "01234567-89ab-8def-8123-456789abcde", "01234567x89ab-8def-8123-456789abcdef",
        "zz234567-89ab-8def-8123-456789abcdef",
    ])
    func `text that is no UUID is refused`(text: String) {
        #expect(UUIDBytes(text: text) == nil)
    }

    @Test(arguments: ["127.0.0.1:9000", "[::1]:9000", "example.org:1"])
    func `an endpoint survives its text form`(text: String) {
        #expect(Endpoint(text: text)?.description == text)
    }

    @Test(arguments: [":1", "host", "host:70000", "::1:9", "ho st:1", "[::1:1"])
    func `text that is no endpoint is refused`(text: String) {
        #expect(Endpoint(text: text) == nil)
    }
}

@Suite struct Addresses {
    @Test(
        arguments: [
            [127, 0, 0, 1], [10, 1, 2, 3], [100, 64, 0, 1], [169, 254, 1, 1], [172, 31, 0, 1], [192, 168, 1, 1],
            [224, 0, 0, 1], [255, 255, 255, 255], [0, 0, 0, 0], [198, 18, 0, 1],
        ] as [[UInt8]])
    func `special IPv4 addresses are not public`(bytes: [UInt8]) {
        #expect(IPAddress(bytes: bytes)?.isPublicUnicast == false)
        #expect(IPAddress(bytes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff] + bytes)?.isPublicUnicast == false)
        #expect(IPAddress(bytes: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0] + bytes)?.isPublicUnicast == false)
    }

    @Test func `ordinary addresses are public`() {
        #expect(IPAddress.v4(0x0101_0101).isPublicUnicast)
        #expect(IPAddress.v4(0xac20_0001).isPublicUnicast)  // 172.32.0.1
        #expect(IPAddress.v6(0x2606_4700_0000_0000, 1).isPublicUnicast)
    }

    @Test func `special IPv6 addresses are not public`() {
        for high: UInt64 in [
            0, 0xfe80 << 48, 0xfc00 << 48, 0xfd00 << 48, 0xff02 << 48, 0x2001_0db8 << 32, 0x3fff << 48,
        ] {
            #expect(!IPAddress.v6(high, 1).isPublicUnicast)
        }
    }
}

@Suite struct AddressTexts {
    @Test(arguments: ["1.2.3.4", "::", "::1", "2001:db8::1", "fe80::1:2", "1:2:3:4:5:6:7:8", "1::8"])
    func `an address survives its text form`(text: String) {
        #expect(IPAddress(text: text)?.description == text)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.256", "01.2.3.4", ":::", "1::2::3", "1:2:3:4:5:6:7", "12345::", "::g", "fe80::1%lo",
    ])
    func `text that is no address is refused`(text: String) {
        #expect(IPAddress(text: text) == nil)
    }

    @Test func `a mapped address may end in dots`() {
        #expect(IPAddress(text: "::ffff:1.2.3.4") == .v6(0, 0xffff_0102_0304))
    }
}

@Suite struct SubjectsOfAccess {
    @Test(arguments: [
        "01234567-89ab-8def-8123-456789abcdef", "203.0.113.0/24", "203.0.113.7/32", "2001:db8::/32", "::/0",
    ])
    func `survive their text form`(text: String) {
        #expect(AccessSubject(text: text)?.description == text)
    }

    @Test func `of a single address have the family's length`() {
        #expect(AccessSubject(text: "203.0.113.7")?.description == "203.0.113.7/32")
        #expect(AccessSubject(text: "2001:db8::1")?.description == "2001:db8::1/128")
    }

    @Test(arguments: [
        "", "x", "203.0.113.7/24", "203.0.113.0/33", "203.0.113.0/024", "203.0.113.0/-1", "2001:db8::/129",
        "203.0.113.0/", "/8",
    ])
    func `are refused where the text is none`(text: String) {
        #expect(AccessSubject(text: text) == nil)
    }

    @Test func `have a reputation as nodes and as what one host commands`() throws {
        for text in ["01234567-89ab-8def-8123-456789abcdef", "203.0.113.7", "2001:db8::/64"] {
            #expect(try #require(AccessSubject(text: text)).hasReputation)
        }
        for text in ["203.0.113.0/24", "2001:db8::1", "2001:db8::/48"] {
            #expect(try !#require(AccessSubject(text: text)).hasReputation)
        }
        let host = AccessSubject.host(try #require(IPAddress(text: "::ffff:203.0.113.7")))
        #expect(host.description == "203.0.113.7/32")
    }

    @Test func `that are blocks contain their addresses`() throws {
        let block = try #require(AddressBlock(text: "203.0.113.0/24"))
        for text in ["203.0.113.0", "203.0.113.255", "::ffff:203.0.113.9"] {
            #expect(block.contains(try #require(IPAddress(text: text))), "\(text)")
        }
        for text in ["203.0.114.0", "::203.0.113.9"] {
            #expect(!block.contains(try #require(IPAddress(text: text))), "\(text)")
        }
        #expect(try #require(AddressBlock(text: "::/0")).contains(.v6(1, 2)))
        #expect(try !#require(AddressBlock(text: "::/0")).contains(.v4(1)))
    }
}
