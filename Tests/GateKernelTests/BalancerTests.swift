import Foundation
import GateLink
import GateModel
import GateStore
import GateTestKit
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct ConnectionsThroughABalancer {
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    /// 203.0.113.9, port 4660, to 127.0.0.1, port 1.
    private static let client = signature + [0x21, 0x11, 0, 12, 203, 0, 113, 9, 127, 0, 0, 1, 0x12, 0x34, 0, 1]

    /// Nodes whose balancers are this machine, or are elsewhere.
    private func withNodes(
        _ count: UInt8 = 2, balancers: String = "127.0.0.0/8", _ body: @Sendable ([KernelNode]) async throws -> Void
    ) async throws {
        let block = try #require(AddressBlock(text: balancers))
        try await withKernels(count, balancers: [block], body)
    }

    /// `near` dials `far` at this port of loopback, and both may.
    private func introduce(_ near: KernelNode, _ far: KernelNode, host: String = "127.0.0.1", port: Int) async throws {
        try await far.know(near)
        let place = Endpoint(host: host, port: UInt16(clamping: port))
        _ = try await near.store.editPeer(far.uuid, PeerEdit(endpoints: [place], access: .allowed))
        try await near.kernel.feed.fill()
    }

    @Test func `are their clients', by address, and are filtered as such`() async throws {
        try await withNodes { nodes in
            let (near, far) = (nodes[0], nodes[1])
            let balancer = try await Balancer.start(before: try far.endpoint, sending: Self.client)
            try await introduce(near, far, port: balancer.port)
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            #expect(far.kernel.kernel.sessions.map(\.address) == [IPAddress(text: "203.0.113.9")])

            let prefix = try #require(IPAddress(text: "203.0.113.0"))
            try await far.store.setAddressRule(try #require(AddressRule(prefix: prefix, length: 24, isAllowed: false)))
            for node in [far, near] { try await node.holds(0) }
            #expect(await near.connect(to: far.uuid).failure?.code == .notAccepted)
            #expect(try await far.refused("denied block").address.contains("203.0.113.9:4660"))
            try await balancer.stop()
        }
    }

    @Test func `come from balancers only`() async throws {
        try await withNodes(balancers: "10.0.0.0/8") { nodes in
            let (near, far) = (nodes[0], nodes[1])
            let balancer = try await Balancer.start(before: try far.endpoint, sending: Self.client)
            try await introduce(near, far, port: balancer.port)
            #expect(await near.connect(to: far.uuid).failure?.code == .notAccepted)
            #expect(try await far.refused("peers.proxyFrom").address.contains("127.0.0.1"))
            try await balancer.stop()
        }
    }

    @Test func `begin with a header`() async throws {
        try await withNodes { nodes in
            try await introduce(nodes[0], nodes[1], port: Int(try nodes[1].endpoint.port))
            #expect(await nodes[0].connect(to: nodes[1].uuid).failure?.code == .notAccepted)
            _ = try await nodes[1].refused("no PROXY header")
            #expect(nodes[1].kernel.host.gate.halfOpenCount == 0)
        }
    }

    @Test func `without a header in time are closed`() async throws {
        try await withNodes(1) { nodes in
            try await nodes[0].set(NodeSettings.handshakeTimeout.definition, "1s")
            let endpoint = try nodes[0].endpoint
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: endpoint.host, port: Int(endpoint.port)).get()
            try await channel.writeAndFlush(ByteBuffer(bytes: Self.client.dropLast()))
            try await channel.closeFuture.get()
            _ = try await nodes[0].refused("no PROXY header")
        }
    }

    @Test(arguments: [[], signature + [0x20, 0, 0, 0]])
    func `of the balancer itself are closed and not written down`(bytes: [UInt8]) async throws {
        try await withNodes(1) { nodes in
            let endpoint = try nodes[0].endpoint
            let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: endpoint.host, port: Int(endpoint.port)).get()
            if bytes.isEmpty {
                try await channel.close()
            } else {
                try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
                try await channel.closeFuture.get()
            }
            try await Task.sleep(for: .milliseconds(50))
            #expect(await nodes[0].store.refusals(limit: 10) == [])
            #expect(nodes[0].kernel.host.gate.balancerConnected(from: .v4(0x7f00_0001)) == nil)
        }
    }

    @Test(.enabled(if: HAProxy.isExpected, "sudo apt-get install -y haproxy"))
    func `through haproxy are their clients'`() async throws {
        try await withNodes { nodes in
            let (near, far) = (nodes[0], nodes[1])
            let proxy = try HAProxy.start(before: try far.endpoint)
            defer { proxy.stop() }
            try await introduce(near, far, host: "::1", port: proxy.port)
            while await near.connect(to: far.uuid).failure != nil { try await Task.sleep(for: .milliseconds(50)) }
            try await far.holds(1)
            #expect(far.kernel.kernel.sessions.map(\.address) == [IPAddress(text: "::1")])
        }
    }
}

/// Passes connections on, with a header before them.
private struct Balancer {
    private let listener: any Channel

    var port: Int { listener.localAddress?.port ?? 0 }

    static func start(before target: Endpoint, sending header: [UInt8]) async throws -> Balancer {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { near in
                ClientBootstrap(group: near.eventLoop).connect(host: target.host, port: Int(target.port)).flatMap {
                    far in
                    far.writeAndFlush(ByteBuffer(bytes: header)).flatMapThrowing {
                        try near.pipeline.syncOperations.addHandler(PassOn(to: far))
                        try far.pipeline.syncOperations.addHandler(PassOn(to: near))
                    }.flatMap { near.setOption(.autoRead, value: true) }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return Balancer(listener: listener)
    }

    func stop() async throws { try await listener.close() }
}

private final class PassOn: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel

    init(to other: any Channel) { self.other = other }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        other.writeAndFlush(unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
}

/// haproxy on a port of IPv6's loopback, before a node on IPv4's, so that the two are told apart.
private struct HAProxy {
    private static let program = ["/usr/sbin/haproxy", "/usr/bin/haproxy", "/usr/local/sbin/haproxy"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    static var isExpected: Bool { program != nil || ProcessInfo.processInfo.environment["CI"] == "true" }

    let port: Int
    private let process: Process
    private let file: URL

    static func start(before target: Endpoint) throws -> HAProxy {
        let program = try #require(program, "sudo apt-get install -y haproxy")
        let port = try freePort()
        let file = FileManager.default.temporaryDirectory.appending(path: "haproxy-\(port).cfg")
        let configuration = """
            defaults
              mode tcp
              timeout connect 2s
              timeout client 1m
              timeout server 1m
            listen peers
              bind [::1]:\(port)
              server kernel \(target) send-proxy-v2

            """
        try Data(configuration.utf8).write(to: file)
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = ["-f", file.path, "-db"]
        try process.run()
        return HAProxy(port: port, process: process, file: file)
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: file)
    }

    /// A port that nothing listens on now.
    private static func freePort() throws -> Int {
        let listener = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "::1", port: 0)
            .wait()
        defer { try? listener.close().wait() }
        return try #require(listener.localAddress?.port)
    }
}
