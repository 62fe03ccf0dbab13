import GateModel
import NIOCore
import Socks5
import Testing

@Suite struct Socks5ExchangeTests {
    @Test func `without a username the first request connects`() {
        #expect(
            transcript([5, 1, 0] + connectV4) == [
                .send(ByteBuffer(bytes: [5, 0])), .connect(exampleV4, Socks5Options()),
            ])
    }

    @Test func `offered both methods it takes the username`() throws {
        let options = try Socks5Options(username: Array("hops=3".utf8), password: Array("x".utf8))
        #expect(
            transcript([5, 2, 0, 2] + credentials("hops=3", "x") + connectName("example.org")) == [
                .send(ByteBuffer(bytes: [5, 2])), .send(ByteBuffer(bytes: [1, 0])),
                .connect(try #require(Socks5Target(name: Array("example.org".utf8), port: 80)), options),
            ])
        #expect(options.hops == 3)
    }

    @Test func `a version 6 address connects`() throws {
        let address = try #require(IPAddress(bytes: Array(0..<16)))
        let request: [UInt8] = [5, 1, 0, 4] + Array(0..<16) + [1, 187]
        #expect(
            transcript([5, 1, 0] + request).last
                == .connect(try #require(Socks5Target(address: address, port: 443)), Socks5Options()))
    }

    @Test(arguments: [
        [5, 1, 0] + connectV4,
        [5, 2, 2, 0] + credentials("hops=2,isolate=a", "secret") + connectName("a.example"),
        [5, 1, 2] + credentials("", "") + connectName("::1"),
        [5, 1, 2] + credentials("nonsense", "") + connectV4,
        [5, 1, 0, 5, 2, 0, 1, 1, 2, 3, 4, 0, 80],
    ])
    func `input split anywhere means the same`(bytes: [UInt8]) {
        let whole = transcript(bytes)
        for split in 0...bytes.count {
            #expect(transcript(Array(bytes[..<split]), Array(bytes[split...])) == whole, "split at \(split)")
        }
        #expect(transcript(bytes.map { [$0] }) == whole)
    }

    @Test func `a truncated exchange waits and answers nothing more`() {
        let bytes = [5, 1, 0] + connectName("example.org")
        for length in 0..<bytes.count {
            let actions = transcript(Array(bytes[..<length]))
            #expect(!actions.contains { if case .send = $0 { false } else { true } })
        }
    }

    @Test func `bytes after the request stay for the target`() {
        var exchange = Socks5Exchange()
        var input = ByteBuffer(bytes: [5, 1, 0] + connectV4 + Array("GET /".utf8))
        while exchange.received(&input) != .awaitMore {}
        #expect(Array(input.readableBytesView) == Array("GET /".utf8))
    }

    @Test(arguments: Array("GET / HTTP/1.1\r\n".utf8).prefix(1) + [0, 4, 6, 0x16, 0xff])
    func `another protocol gets no byte back`(first: UInt8) {
        #expect(transcript([first, 1, 0]) == [.refuse(ByteBuffer(), .notSocks5)])
    }

    @Test func `without a method in common it says so`() {
        #expect(transcript([5, 1, 1]) == [.refuse(ByteBuffer(bytes: [5, 0xff]), .noMethod)])
        #expect(transcript([5, 0]) == [.refuse(ByteBuffer(bytes: [5, 0xff]), .noMethod)])
    }

    @Test(arguments: [
        ("hops3", Socks5OptionFailure.notAnOption), ("hops=9", .badHops), ("hops=-1", .badHops), ("hops=", .badHops),
        ("hops=+1", .badHops), ("hops=1,hops=1", .repeated), ("node=me", .badNode), ("speed=1", .unknownOption),
        ("hops=1,", .notAnOption), ("=", .unknownOption),
    ])
    func `a bad option is refused before the request`(username: String, failure: Socks5OptionFailure) {
        #expect(
            transcript([5, 1, 2] + credentials(username, "x")).last
                == .refuse(ByteBuffer(bytes: [1, 1]), .badOptions(failure)))
    }

    @Test func `another username or password is another isolation key`() throws {
        let keys = try [("a", "bc"), ("ab", "c"), ("a", "b"), ("", "abc")].map { name, password in
            try Socks5Options(
                username: name.isEmpty ? [] : Array("isolate=\(name)".utf8), password: Array(password.utf8)
            ).isolation
        }
        #expect(Set(keys).count == keys.count)
    }

    @Test(arguments: [
        ([5, 2, 0, 1, 1, 2, 3, 4, 0, 80], Socks5Reply.commandNotSupported, Socks5Failure.command),
        ([5, 3, 0, 1, 1, 2, 3, 4, 0, 80], .commandNotSupported, .command),
        ([5, 1, 0, 2, 1, 2, 3, 4, 0, 80], .addressTypeNotSupported, .addressType),
        ([5, 1, 1, 1, 1, 2, 3, 4, 0, 80], .generalFailure, .malformed),
        ([5, 1, 0, 1, 1, 2, 3, 4, 0, 0], .generalFailure, .malformed),
        ([5, 1, 0, 3, 0, 0, 80], .generalFailure, .malformed),
        ([5, 1, 0, 3, 2, 0x61, 0x00, 0, 80], .generalFailure, .malformed),
        ([4, 1, 0, 3, 1, 0x61, 0, 80], .generalFailure, .malformed),
    ])
    func `what it does not do is answered with the code for it`(
        request: [UInt8], reply: Socks5Reply, failure: Socks5Failure
    ) {
        #expect(transcript([5, 1, 0] + request).last == .refuse(reply.bytes, failure))
    }

    @Test func `the outcome is told once`() {
        var exchange = Socks5Exchange()
        var input = ByteBuffer(bytes: [5, 1, 0] + connectV4)
        #expect(exchange.settled(.succeeded) == .awaitMore)
        while exchange.received(&input) != .awaitMore {}
        #expect(exchange.settled(.succeeded) == .send(ByteBuffer(bytes: [5, 0, 0, 1, 0, 0, 0, 0, 0, 0])))
        #expect(exchange.settled(.hostUnreachable) == .awaitMore)
    }

    @Test(arguments: Socks5Reply.allCases.dropFirst())
    func `a failed outcome is its code and a close`(reply: Socks5Reply) {
        var exchange = Socks5Exchange()
        var input = ByteBuffer(bytes: [5, 1, 0] + connectV4)
        while exchange.received(&input) != .awaitMore {}
        #expect(exchange.settled(reply) == .refuse(reply.bytes, .unanswered(reply)))
    }

    @Test func `no input makes a message longer than the bound wait`() {
        var random = SeededGenerator(seed: 5)
        for _ in 0..<1_000 {
            var exchange = Socks5Exchange()
            let bytes = (0..<Socks5Exchange.messageBytesMax * 3).map { _ in UInt8.random(in: 0...5, using: &random) }
            var input = ByteBuffer(bytes: bytes)
            var connected = false
            reading: while true {
                switch exchange.received(&input) {
                case .awaitMore: break reading
                case .connect: connected = true
                case .send: continue
                case .refuse: break reading
                }
            }
            #expect(connected || exchange != Socks5Exchange())
        }
    }

    /// Every action until the machine waits or refuses, with `parts` arriving one after another.
    private func transcript(_ parts: [UInt8]...) -> [Socks5Exchange.Action] { transcript(parts) }

    private func transcript(_ parts: [[UInt8]]) -> [Socks5Exchange.Action] {
        var exchange = Socks5Exchange()
        var input = ByteBuffer()
        var actions: [Socks5Exchange.Action] = []
        for part in parts {
            input.writeBytes(part)
            while true {
                let action = exchange.received(&input)
                if action == .awaitMore { break }
                actions.append(action)
                if case .refuse = action { return actions }
            }
        }
        return actions
    }
}

private let connectV4: [UInt8] = [5, 1, 0, 1, 93, 184, 216, 34, 0, 80]
private let exampleV4 = known(Socks5Target(address: .v4(0x5db8_d822), port: 80))

private func credentials(_ username: String, _ password: String) -> [UInt8] {
    [1, UInt8(username.utf8.count)] + Array(username.utf8) + [UInt8(password.utf8.count)] + Array(password.utf8)
}

private func connectName(_ name: String) -> [UInt8] {
    [5, 1, 0, 3, UInt8(name.utf8.count)] + Array(name.utf8) + [0, 80]
}

/// SplitMix64, so that a failing run can be repeated.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}
