import GateModel
import GateWire
import NIOCore
import Testing

@Suite struct ProxyHeaders {
    private static let signature = "0d0a0d0a000d0a515549540a"
    /// 192.0.2.1:4660 to 198.51.100.2:443.
    private static let version4 = signature + "2111000c" + "c0000201" + "c6336402" + "1234" + "01bb"
    /// [2001:db8::1]:4660 to [2001:db8::2]:443, with the TLVs "unique id" (5, 4 bytes) and "no operation" (4, none).
    private static let version6 =
        signature + "2121002e" + "20010db8000000000000000000000001" + "20010db8000000000000000000000002" + "1234"
        + "01bb"
        + "050004aabbccdd" + "040000"
    private static let local = signature + "20000000"

    private func read(_ hex: String, then rest: [UInt8] = []) throws -> (ProxyHeader?, ByteBuffer) {
        var buffer = try ByteBuffer(plainHexEncodedBytes: hex)
        buffer.writeBytes(rest)
        let header = try ProxyHeader.read(from: &buffer)
        return (header, buffer)
    }

    private func fault(_ hex: String) throws -> ProxyHeaderFault? {
        var buffer = try ByteBuffer(plainHexEncodedBytes: hex)
        do throws(ProxyHeaderFault) {
            _ = try ProxyHeader.read(from: &buffer)
            return nil
        } catch {
            return error
        }
    }

    private static let taken: [(String, ProxyHeader)] = [
        (version4, .client(.v4(0xc000_0201), port: 4660)),
        (version6, .client(.v6(0x2001_0db8_0000_0000, 1), port: 4660)), (local, .balancer),
        (local.replacing("20000000", with: "20110002ffff"), .balancer),
    ]

    @Test(arguments: taken)
    func `are read, and what follows is left`(hex: String, expected: ProxyHeader) throws {
        let (header, rest) = try read(hex, then: [1, 2, 3])
        #expect(header == expected)
        #expect(Array(rest.readableBytesView) == [1, 2, 3])
    }

    @Test(arguments: [version4, version6, local])
    func `are waited for while a byte is missing, and nothing is taken`(hex: String) throws {
        for count in stride(from: 0, to: hex.utf8.count, by: 2) {
            let (header, rest) = try read(String(hex.prefix(count)))
            #expect(header == nil)
            #expect(rest.readableBytes == count / 2)
        }
    }

    @Test func `are refused at the first byte that is no header's`() throws {
        let bytes = Array(try ByteBuffer(plainHexEncodedBytes: Self.version4).readableBytesView)
        for index in 0..<14 {
            var wrong = Array(bytes.prefix(index + 1))
            wrong[index] ^= 0x80
            var buffer = ByteBuffer(bytes: wrong)
            #expect(throws: ProxyHeaderFault.self) { try ProxyHeader.read(from: &buffer) }
            #expect(buffer.readableBytes == wrong.count)
        }
    }

    /// What follows the signature, and why it is refused.
    private static let refused: [(String, ProxyHeaderFault)] = [
        ("1111", .version), ("3111", .version), ("22", .command), ("2100", .family), ("2112", .family),
        ("2131", .family), ("21110209", .length), ("2111ffff", .length), ("2111000b", .length),
        ("21210023", .length), ("20000209", .length), ("2111000dc0000201c6336402123401bb05", .length),
        ("21110010c0000201c6336402123401bb050002aa", .length),
    ]

    @Test func `of version 1 are refused`() throws {
        #expect(try fault("50524f5859205443") == .signature)  // "PROXY TC"
    }

    @Test(arguments: refused)
    func `of another kind are refused`(hex: String, expected: ProxyHeaderFault) throws {
        #expect(try fault(Self.signature + hex) == expected)
    }

    @Test func `of the greatest length are read`() throws {
        let hex =
            Self.signature + "21110208" + "c0000201c6336402123401bb" + "ee01f9" + String(repeating: "00", count: 505)
        #expect(hex.utf8.count / 2 == ProxyHeader.bytesMax)
        #expect(try read(hex).0 == .client(.v4(0xc000_0201), port: 4660))
    }
}
