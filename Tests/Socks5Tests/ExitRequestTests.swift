import GateModel
import NIOCore
import Socks5
import Testing

@Suite struct ExitRequestTests {
    static let targets = [
        known(Socks5Target(address: .v4(0x0102_0304), port: 80)),
        known(Socks5Target(address: .v6(0x2001_0db8_0000_0000, 1), port: 65_535)),
        known(Socks5Target(name: Array("example.org".utf8), port: 443)),
        known(Socks5Target(name: Array(repeating: UInt8(ascii: "a"), count: 253), port: 1)),
    ]

    @Test(arguments: targets)
    func `a request reads back, and what follows stays`(target: Socks5Target) throws {
        var buffer = ByteBuffer()
        ExitRequest.encode(target, into: &buffer)
        #expect(buffer.readableBytes <= ExitRequest.bytesMax)
        buffer.writeString("GET")
        #expect(try ExitRequest.decode(&buffer) == target)
        #expect(buffer.readString(length: 3) == "GET")
    }

    @Test(arguments: targets)
    func `every truncation waits and takes nothing`(target: Socks5Target) throws {
        var whole = ByteBuffer()
        ExitRequest.encode(target, into: &whole)
        for length in 0..<whole.readableBytes {
            var part = try #require(whole.getSlice(at: 0, length: length))
            #expect(try ExitRequest.decode(&part) == nil)
            #expect(part.readableBytes == length)
        }
    }

    @Test func `golden bytes of a name`() {
        var buffer = ByteBuffer()
        ExitRequest.encode(known(Socks5Target(name: Array("a.b".utf8), port: 258)), into: &buffer)
        #expect(Array(buffer.readableBytesView) == [1, 3, 1, 2, 3] + Array("a.b".utf8))
    }

    @Test(arguments: [
        [2, 3, 0, 80, 1, 97], [1, 5, 0, 80, 1, 97], [1, 3, 0, 0, 1, 97], [1, 3, 0, 80, 0], [1, 3, 0, 80, 1, 32],
        [1, 3, 0, 80, 254] + Array(repeating: 97, count: 254),
    ])
    func `what can't become a request is refused`(bytes: [UInt8]) {
        var buffer = ByteBuffer(bytes: bytes)
        #expect(throws: ExitRequestFailure.self) { try ExitRequest.decode(&buffer) }
    }

    @Test(arguments: Socks5Reply.allCases)
    func `an answer reads back`(reply: Socks5Reply) throws {
        var buffer = ExitAnswer.encode(reply)
        #expect(try ExitAnswer.decode(&buffer) == reply)
        var half = ByteBuffer(bytes: [1])
        #expect(try ExitAnswer.decode(&half) == nil)
    }

    @Test func `an unknown answer is refused`() {
        var buffer = ByteBuffer(bytes: [1, 9])
        #expect(throws: ExitRequestFailure.malformed) { try ExitAnswer.decode(&buffer) }
    }
}
