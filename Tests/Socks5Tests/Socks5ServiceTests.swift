import GateLink
import GateModel
import GateTestKit
import NIOCore
import NIOPosix
import Socks5
import Testing

@Suite(.timeLimit(.minutes(2))) struct Socks5ServiceTests {
    static let open = ["socks5.exit": "all", "socks5.exit-allow-private": "true"]

    @Test(arguments: Loopback.both, Loopback.both)
    func `a client reaches a target, its first bytes sent with the request`(proxy: Loopback, target: Loopback)
        async throws
    {
        try await withSocks5(Self.open, at: proxy.host) { socks in
            let server = try await EchoServer.start(group: socks.group, host: target.host)
            let text = Array("GET / HTTP/1.1".utf8)
            let answer = try await socks.fetch(server.port, text, host: target.address)
            #expect(answer == succeeded + text)
        }
    }

    @Test func `a name is resolved at the exit`() async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let name = [3, 9] + Array("localhost".utf8)
            let answer = try await socks.fetch(server.port, [1, 2, 3], host: name)
            #expect(answer == succeeded + [1, 2, 3])
        }
    }

    @Test(arguments: Loopback.both)
    func `megabytes pass both ways and each direction ends on its own`(loopback: Loopback) async throws {
        try await withSocks5(Self.open, at: loopback.host) { socks in
            let server = try await EchoServer.start(group: socks.group, host: loopback.host)
            let bytes = (0..<8_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) }
            let answer = try await socks.fetch(server.port, bytes, host: loopback.address)
            #expect(answer.count == succeeded.count + bytes.count)
            let isSame = answer == succeeded + bytes
            #expect(isSame)
        }
    }

    @Test func `a hundred clients at once get each their own bytes`() async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group)
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<100 {
                    group.addTask {
                        let bytes = [UInt8](repeating: UInt8(number), count: 50_000)
                        let answer = try await socks.fetch(server.port, bytes)
                        let isSame = answer == succeeded + bytes
                        #expect(isSame)
                    }
                }
            }
        }
    }

    @Test func `by default a node is no exit`() async throws {
        try await withSocks5([:]) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.fetch(server.port, [])
            #expect(answer == refused(.notAllowed))
        }
    }

    @Test(arguments: [("peers", "0", true), ("peers", "2", false), ("anonymous", "0", false), ("anonymous", "2", true)])
    func `an exit serves whom it is set to serve`(policy: String, hops: String, isServed: Bool) async throws {
        let exit = ["socks5.exit": policy, "socks5.exit-allow-private": "true"]
        try await withSocks5(exit, client: ["socks5.hops": hops]) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.fetch(server.port, [])
            #expect(answer == (isServed ? succeeded : refused(.notAllowed)))
        }
    }

    @Test(arguments: [
        [1, 127, 0, 0, 1], [1, 10, 0, 0, 1], [1, 169, 254, 169, 254], [1, 0, 0, 0, 0],
        [4] + [UInt8](repeating: 0, count: 15) + [1],
        [4] + [UInt8](repeating: 0, count: 10) + [255, 255, 127, 0, 0, 1],
        [3, 9] + Array("localhost".utf8), [3, 9] + Array("127.0.0.1".utf8), [3, 10] + Array("2130706433".utf8),
        [3, 3] + Array("::1".utf8),
    ])
    func `private and local addresses are denied, however they are written`(host: [UInt8]) async throws {
        try await withSocks5(["socks5.exit": "all"]) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.fetch(server.port, [], host: host)
            #expect(answer == refused(.notAllowed))
        }
    }

    @Test(arguments: Loopback.both)
    func `a closed port is answered as refused`(loopback: Loopback) async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group, host: loopback.host)
            let port = server.port
            try await server.channel.close()
            let answer = try await socks.fetch(port, [], host: loopback.address)
            #expect(answer == refused(.connectionRefused))
        }
    }

    @Test func `an unknown name is answered as unreachable`() async throws {
        try await withSocks5(Self.open) { socks in
            let name = [3, 12] + Array("none.invalid".utf8)
            let answer = try await socks.fetch(80, [], host: name)
            #expect(answer == refused(.hostUnreachable))
        }
    }

    @Test func `without an exit the client is told so`() async throws {
        try await withSocks5(Self.open, exitNodes: []) { socks in
            let answer = try await socks.fetch(80, [])
            #expect(answer == refused(.generalFailure))
        }
    }

    @Test func `an exit that nobody reaches is answered as unreachable`() async throws {
        try await withSocks5(Self.open, exitNodes: [NodeUUID(UUIDBytes(high: 7, low: 7))]) { socks in
            let answer = try await socks.fetch(80, [])
            #expect(answer == refused(.hostUnreachable))
        }
    }

    @Test func `usernames choose hops, and each pair with its password has a session of its own`() async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group)
            for username in ["hops=3", "hops=3", "hops=3,isolate=a", "hops=0"] {
                let answer = try await socks.fetch(server.port, [9], username: username)
                #expect(answer == [5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 9])
            }
            let connects = try await socks.nodes.connects
            #expect(connects.map(\.route) == [.relayed(hops: 3), .relayed(hops: 3), .direct])
            #expect(connects.map(\.anonymous) == [true, true, false])
            #expect(Set(connects.map(\.isolation)).count == 3)
        }
    }

    @Test func `a username can name the exit`() async throws {
        try await withSocks5(Self.open, exitNodes: []) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.fetch(server.port, [9], username: "node=\(Socks5Nodes.exitNode)")
            #expect(answer.last == 9)
        }
    }

    @Test func `a bad option is refused at the username`() async throws {
        try await withSocks5(Self.open) { socks in
            let answer = try await socks.fetch(80, [], username: "hops=9")
            #expect(answer == [5, 2, 1, 1])
        }
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), [4, 1, 0, 80, 127, 0, 0, 1, 0], [UInt8](repeating: 255, count: 100_000),
        [5], [],
    ])
    func `garbage gets no answer and harms nobody`(bytes: [UInt8]) async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.exchange(bytes)
            #expect(answer == [])
            let second = try await socks.fetch(server.port, [1])
            #expect(second == succeeded + [1])
        }
    }

    @Test func `random bytes close the connection and harm nobody`() async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group)
            var random = SeededGenerator(seed: 11)
            for _ in 0..<50 {
                let bytes = (0..<Int.random(in: 1...600, using: &random)).map { _ in
                    UInt8.random(in: 0...5, using: &random)
                }
                _ = try await socks.exchange(bytes)
            }
            let answer = try await socks.fetch(server.port, [1])
            #expect(answer == succeeded + [1])
        }
    }

    @Test func `after sessions ended the next request works`() async throws {
        try await withSocks5(Self.open) { socks in
            let server = try await EchoServer.start(group: socks.group)
            let answer = try await socks.fetch(server.port, [1])
            #expect(answer == succeeded + [1])
            try await socks.nodes.endSessions()
            let second = try await socks.fetch(server.port, [2])
            #expect(second == succeeded + [2])
        }
    }
}
