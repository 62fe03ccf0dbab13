import GateCrypto
import GateLink
import GateLinkTransport
import GateModel
import GateStore
import GateTestKit
import GateTransport
import GateWire
import Logging
import NIOCore
import NIOPosix

@testable import GateKernel

/// One worker of one node on loopback, with the node's store in memory.
struct KernelNode: Sendable {
    static let extender = ExtenderID(UUIDBytes(high: 7, low: 7))

    let uuid: NodeUUID
    let store: MemoryStore
    let kernel: RunningKernel
    /// The worker's run; a task of its own, so that a test can stop one worker of several.
    private let task: Task<Void, any Error>

    /// Another worker of the same node, over the same store.
    func colleague(
        _ name: String, at endpoint: Endpoint, versions: PeerVersions = .spoken
    ) async throws -> KernelNode {
        let group = MultiThreadedEventLoopGroup.singleton
        return try await KernelNode.start(
            name, of: uuid, over: store, at: endpoint, resumes: true, versions: versions, group: group,
            KernelNode.quiet)
    }

    fileprivate static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    /// Stops the worker as SIGTERM does, and returns when it has.
    func stop() async {
        task.cancel()
        _ = await task.result
    }

    var endpoint: Endpoint {
        get throws { try kernel.ready.peerEndpoints.first.orThrow() }
    }

    /// Lets `other` connect here and be dialled from here.
    func know(_ other: KernelNode) async throws {
        _ = try await store.editPeer(
            other.uuid, PeerEdit(endpoints: [try other.endpoint], access: .allowed))
        try await kernel.feed.fill()
    }

    func set(_ key: SettingKey<Int>, _ value: Int) async throws { try await set(key.definition, "\(value)") }

    func set(_ key: SettingDefinition, _ value: String) async throws {
        _ = try await store.set(key.key, to: value, by: "test", expecting: nil)
        try await kernel.feed.fill()
        // Handshakes that begin from now on follow it: each loop has taken it over.
        for context in kernel.contexts { try await context.eventLoop.submit {}.get() }
    }

    /// Asks for a session, as an extender does.
    func connect(
        to node: NodeUUID, route: ConnectRoute = .direct, anonymous: Bool = false, isolation: String = ""
    ) async -> Result<SessionID, ConnectFailure> {
        await kernel.kernel.connect(
            ConnectRequest(
                id: 1, target: node, route: route, anonymous: anonymous, isolation: isolation,
                deadlineMilliseconds: 10_000),
            for: KernelNode.extender)
    }

    /// Waits until the worker holds so many sessions.
    func holds(_ count: Int) async throws {
        while kernel.kernel.sessionCount != count { try await Task.sleep(for: .milliseconds(5)) }
    }

    /// Waits until the worker has written down a refusal whose reason contains `words`.
    func refused(_ words: String) async throws -> RefusalRow {
        while true {
            if let row = await store.refusals(limit: 500).first(where: { $0.reason.contains(words) }) { return row }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Waits until the peer list says that a session with `node` stood.
    func sighted(_ node: NodeUUID) async throws -> PeerRow {
        while true {
            if let row = await store.peer(node), row.lastSeen != nil { return row }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Runs `body` with nodes that listen at `host` and know nobody.
func withKernels(
    _ count: UInt8, at host: String = "127.0.0.1", resumes: Bool = false, balancers: [AddressBlock] = [],
    secrets: [UInt8: SharedSecret] = [:], postQuantum: Set<UInt8> = [],
    _ body: @Sendable ([KernelNode]) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    var nodes: [KernelNode] = []
    let outcome: Result<Void, any Error>
    do {
        for number in 1...count {
            nodes.append(
                try await KernelNode.start(
                    number, at: host, resumes: resumes, balancers: balancers, secret: secrets[number],
                    isPostQuantum: postQuantum.contains(number), group: group))
        }
        try await body(nodes)
        outcome = .success(())
    } catch {
        outcome = .failure(error)
    }
    for node in nodes { await node.stop() }
    try await group.shutdownGracefully()
    try outcome.get()
}

extension KernelNode {
    /// The node number `number`; with `shared` a further worker of the node whose store that is.
    static func start(
        _ number: UInt8, named name: String = "kernel-1", over shared: MemoryStore? = nil,
        at host: String = "127.0.0.1",
        resumes: Bool = false, balancers: [AddressBlock] = [], secret: SharedSecret? = nil,
        authority: ((NodeUUID) throws -> LinkAuthority)? = nil, isPostQuantum: Bool = false,
        group: MultiThreadedEventLoopGroup
    ) async throws -> KernelNode {
        let identity = try IdentityKey.made(of: number, isPostQuantum: isPostQuantum)
        let store = shared ?? MemoryStore(clock: { SystemClock.wall().seconds * 1000 }, identity: identity)
        return try await start(
            name, of: identity.bundle.uuid, over: store, at: Endpoint(host: host, port: 0), resumes: resumes,
            balancers: balancers, secret: secret, authority: authority?(identity.bundle.uuid), group: group, quiet)
    }

    fileprivate static func start(
        _ name: String, of node: NodeUUID, over store: MemoryStore, at endpoint: Endpoint, resumes: Bool,
        versions: PeerVersions = .spoken, balancers: [AddressBlock] = [], secret: SharedSecret? = nil,
        authority: LinkAuthority? = nil,
        group: MultiThreadedEventLoopGroup, _ logger: Logger
    ) async throws -> KernelNode {
        var configuration = KernelConfiguration(name: name, node: node, peerEndpoints: [endpoint])
        configuration.resumesSessions = resumes
        configuration.versions = versions
        configuration.proxyNetworks = balancers
        configuration.sharedSecret = secret
        if let authority {
            let issued = try authority.issue(role: .kernel, name: name, lifetime: .seconds(3600))
            configuration.credential = try LinkCredentialSource(LinkCredential(issued))
            configuration.linkEndpoint = Endpoint(host: "127.0.0.1", port: 0)
        }
        let kernel = try await RunningKernel.start(configuration, store: store, group: group, logger: logger)
        return KernelNode(uuid: node, store: store, kernel: kernel, task: Task { try await kernel.run() })
    }
}

extension Optional {
    fileprivate func orThrow() throws -> Wrapped {
        guard let self else { throw ChannelError.unknownLocalAddress }
        return self
    }
}
