import GateExtenderKit
import GateModel
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Socks5
import Testing

/// A `socks5` of a client's node and one of an exit's node, joined by fake kernels.
struct Socks5Nodes: Sendable {
    static let clientNode = NodeUUID(UUIDBytes(high: 1, low: 0))
    static let exitNode = NodeUUID(UUIDBytes(high: 2, low: 0))

    let endpoint: Endpoint
    let nodes: FakeNodes
    let group: any EventLoopGroup

    /// One client's whole conversation.
    func exchange(_ bytes: [UInt8]) async throws -> [UInt8] {
        try await SocksClient.connect(to: endpoint, group: group).exchange(bytes)
    }

    /// Asks for a target and sends `bytes` to it in the same packet.
    func fetch(_ port: UInt16, _ bytes: [UInt8], host: [UInt8] = [1, 127, 0, 0, 1], username: String? = nil)
        async throws -> [UInt8]
    {
        let greeting: [UInt8]
        if let username {
            greeting = [5, 1, 2, 1, UInt8(username.utf8.count)] + Array(username.utf8) + [1, 120]
        } else {
            greeting = [5, 1, 0]
        }
        let request = [5, 1, 0] + host + [UInt8(port >> 8), UInt8(port & 255)]
        return try await exchange(greeting + request + bytes)
    }
}

/// What a client without a username reads before the target's bytes.
let succeeded: [UInt8] = [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]

func refused(_ reply: Socks5Reply) -> [UInt8] { [5, 0, 5, reply.rawValue, 0, 1, 0, 0, 0, 0, 0, 0] }

/// One of this machine's addresses, as programs and as SOCKS5 write it.
struct Loopback: Sendable, CustomTestStringConvertible {
    let host: String
    let address: [UInt8]

    static let both = [
        Loopback(host: "127.0.0.1", address: [1, 127, 0, 0, 1]),
        Loopback(host: "::1", address: [4] + [UInt8](repeating: 0, count: 15) + [1]),
    ]

    var testDescription: String { host }
}

/// Runs `body` between both services, the proxy at `host`; the exit's node has `settings`.
func withSocks5(
    _ settings: [String: String], at host: String = "127.0.0.1", client: [String: String] = ["socks5.hops": "0"],
    exitNodes: [NodeUUID] = [Socks5Nodes.exitNode], _ body: @Sendable (Socks5Nodes) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let others = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let nodes = FakeNodes(eventLoop: group.next())
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let (ready, readiness) = AsyncStream.makeStream(of: [Endpoint].self)
    var near = Socks5Configuration(
        listen: [Endpoint(host: host, port: 0)],
        access: nodes.access(to: Socks5Nodes.clientNode, for: ShippedExtender.socks5),
        settings: FixedNodeSettings(client), group: group)
    near.exitNodes = exitNodes
    near.ready = { readiness.yield($0) }
    var far = Socks5Configuration(
        listen: [], access: nodes.access(to: Socks5Nodes.exitNode, for: ShippedExtender.socks5),
        settings: FixedNodeSettings(settings), group: group)
    far.ready = { readiness.yield($0) }
    let services = [
        Socks5Service(configuration: near, logger: logger), Socks5Service(configuration: far, logger: logger),
    ]
    do {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for service in services { tasks.addTask { try await service.run() } }
            var endpoints: [Endpoint] = []
            var iterator = ready.makeAsyncIterator()
            for _ in services { endpoints += await iterator.next() ?? [] }
            let endpoint = try #require(endpoints.first)
            try await body(Socks5Nodes(endpoint: endpoint, nodes: nodes, group: others))
            tasks.cancelAll()
        }
    } catch {
        try await others.shutdownGracefully()
        try await group.shutdownGracefully()
        throw error
    }
    try await others.shutdownGracefully()
    try await group.shutdownGracefully()
}
