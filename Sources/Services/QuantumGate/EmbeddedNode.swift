import GateCrypto
import GateDatabase
public import GateExtenderKit
import GateKernel
import GateLink
import GateLinkTransport
public import GateModel
import GateSQLite
import GateStore
import NIOPosix
public import ServiceLifecycle
import Synchronization

@_exported public import struct NIOCore.ByteBuffer

/// A whole node in this process: its identity, its database, one worker, and extenders without links over the network.
///
/// Make it, have a task call ``run()``, and use ``service(of:)`` or ``connect(to:as:route:deadline:)``; both wait until
/// the node is ready. Cancel the task to stop. Streams and messages are those of GateExtenderKit.
public final class EmbeddedNode: Service {
    /// The node's name for others.
    public let uuid: NodeUUID

    private let configuration: EmbeddedNodeConfiguration
    private let storage: EmbeddedDatabase
    private let sharedSecret: SharedSecret?
    private let otherSecrets: [NodeUUID: SharedSecret?]
    /// The worker, while the node runs.
    private let kernel = Mutex<KernelService?>(nil)
    private let hasRun = Atomic(false)
    private let readiness = Readiness<Running>()
    /// Why the node stopped, where it did not by itself.
    private let fault = Mutex("")

    private static let worker = "embedded-1"

    /// What there is once the worker listens.
    private struct Running: Sendable {
        let endpoints: [Endpoint]
        let services: [ExtenderID: ExtenderService]
    }

    private var database: NodeDatabase { storage.database }

    /// Opens or makes the database and writes to it what the configuration says. Blocks for a moment; nothing is
    /// listened on and nobody is dialled yet.
    public init(_ configuration: EmbeddedNodeConfiguration) async throws(EmbeddedNodeFailure) {
        try EmbeddedNode.check(configuration)
        self.configuration = configuration
        storage = try await EmbeddedDatabase.open(configuration.storage)
        uuid = storage.database.vault.node
        do {
            sharedSecret = try configuration.sharedSecret.map {
                try SharedSecret(EmbeddedDatabase.secret($0, "the shared secret"))
            }
            otherSecrets = try configuration.otherSecrets.mapValues { secret in
                try secret.map { try SharedSecret(EmbeddedDatabase.secret($0, "a shared secret of another network")) }
            }
            try await prepare()
        } catch {
            throw EmbeddedNodeFailure(of: error)
        }
    }

    deinit { readiness.end() }

    /// Serves until cancelled or shut down; once only. Throws what keeps the node from running, such as an address that
    /// is taken.
    public func run() async throws {
        guard !hasRun.exchange(true, ordering: .relaxed) else { throw EmbeddedNodeFailure(.notAgain) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let outcome: Result<Void, any Error>
        do {
            try await run(on: group)
            outcome = .success(())
        } catch {
            if !(error is CancellationError) { fault.withLock { $0 = "\(error)" } }
            outcome = .failure(error is CancellationError ? error : EmbeddedNodeFailure(of: error))
        }
        readiness.end()
        try? await group.shutdownGracefully()
        storage.release()
        try outcome.get()
    }

    /// Where peers can connect, with the ports that the system chose; returns once they can.
    public var endpoints: [Endpoint] {
        get async throws(EmbeddedNodeFailure) { try await running().endpoints }
    }

    /// What other nodes need to know to connect, one for each endpoint; returns once they can.
    public var addresses: [NodeAddress] {
        get async throws(EmbeddedNodeFailure) { try await endpoints.map { NodeAddress(node: uuid, endpoint: $0) } }
    }

    /// The way of one of the configuration's extenders to other nodes; returns once it is attached.
    public func service(of extender: ExtenderID) async throws(EmbeddedNodeFailure) -> ExtenderService {
        guard let service = try await running().services[extender] else { throw EmbeddedNodeFailure(.noExtender) }
        await service.attached()
        return service
    }

    /// Opens a session to a node for one of the configuration's extenders, or finds the one that serves.
    ///
    /// - Throws: ``EmbeddedNodeFailure``, or `ExtenderFailure`, which says what can still be done.
    public func connect(
        to node: NodeUUID, as extender: ExtenderID, route: PeerRoute = .direct, deadline: Duration = .seconds(30)
    ) async throws -> PeerSession {
        try await service(of: extender).connect(to: node, route: route, deadline: deadline)
    }

    /// Lets a peer connect, and this node dial it at this address from now on in place of those known before.
    public func allow(_ peer: NodeAddress) async throws(EmbeddedNodeFailure) {
        try await edit(peer.node, PeerEdit(endpoints: [peer.endpoint], access: .allowed))
    }

    /// Lets a peer connect; where it is dialled stays as it was.
    public func allow(_ peer: NodeUUID) async throws(EmbeddedNodeFailure) {
        try await edit(peer, PeerEdit(access: .allowed))
    }

    /// Lets a peer connect no more and closes its sessions.
    public func deny(_ peer: NodeUUID) async throws(EmbeddedNodeFailure) {
        try await edit(peer, PeerEdit(access: .denied))
    }

    /// Changes a node setting, as `quantumgate settings set` does.
    package func set(_ setting: String, to value: String?) async throws(EmbeddedNodeFailure) {
        do throws(StoreFailure) {
            _ = try await database.store.set(setting, to: value, by: EmbeddedNode.worker, expecting: nil)
        } catch {
            throw EmbeddedNodeFailure(of: error)
        }
    }

    /// Identity, peers and settings as they are now, in one value that only the key opens and that can't be changed
    /// unnoticed: what a host keeps itself, and starts from with `.host(export:key:)`. Can be asked before, while and
    /// after the node runs.
    ///
    /// - Parameter hostKey: 32 random bytes; whoever has key and value is this node.
    public func export(sealedWith hostKey: [UInt8]) async throws(EmbeddedNodeFailure) -> [UInt8] {
        do {
            let key = try EmbeddedDatabase.secret(hostKey, "the host's key")
            return try await NodeExport.sealed(of: database.vault, database.store, hostKey: key)
        } catch {
            throw EmbeddedNodeFailure(of: error)
        }
    }
}

extension EmbeddedNode {
    private static func check(_ configuration: EmbeddedNodeConfiguration) throws(EmbeddedNodeFailure) {
        let extenders = configuration.extenders
        guard Set(extenders.map(\.id)).count == extenders.count,
            Set(extenders.map(\.name)).count == extenders.count
        else { throw EmbeddedNodeFailure(.configuration, "two extenders have one id or one name") }
        guard configuration.eventLoopCount > 0 else {
            throw EmbeddedNodeFailure(.configuration, "a node needs an event loop")
        }
        for endpoint in configuration.listen where IPAddress(text: endpoint.host) == nil {
            throw EmbeddedNodeFailure(.configuration, "\(endpoint.host) is no literal address to listen at")
        }
    }

    /// Writes what the configuration says.
    private func prepare() async throws {
        let store = database.store
        let values = try await store.values()
        for (key, value) in [
            (NodeSettings.accessAnonymous, configuration.acceptsAnonymous),
            (NodeSettings.relayEnabled, configuration.relays),
        ] {
            if let value, values[key] != value { try await store.set(key, to: value, by: EmbeddedNode.worker) }
        }
        for extender in configuration.extenders {
            // As GateLinkStore names the rights of a link.
            let name = "extender/\(extender.id)/\(try linkName(extender).name)"
            let rights = RightsRow(name: name, extenders: [extender.id], mayConnect: true)
            try await store.setRights(rights.added(to: try await store.rights(of: name)))
        }
        for peer in configuration.allowedPeers { try await allow(peer) }
        for (node, peers) in Dictionary(grouping: configuration.peers, by: \.node) {
            try await edit(node, PeerEdit(endpoints: peers.map(\.endpoint), access: .allowed))
        }
    }

    private func linkName(_ extender: any Extender) throws(EmbeddedNodeFailure) -> LinkName {
        guard let name = LinkName(node: uuid, role: .extender(extender.id), name: extender.name) else {
            throw EmbeddedNodeFailure(
                .configuration, "an extender's name is 1 to \(LinkName.nameBytesMax) of a-z A-Z 0-9 . _ -")
        }
        return name
    }

    private func edit(_ node: NodeUUID, _ edit: PeerEdit) async throws(EmbeddedNodeFailure) {
        do throws(StoreFailure) {
            _ = try await database.store.editPeer(node, edit)
            try await kernel.withLock({ $0 })?.peerChanged(node)
        } catch {
            throw EmbeddedNodeFailure(of: error)
        }
    }

    private func running() async throws(EmbeddedNodeFailure) -> Running {
        guard let running = await readiness.value else { throw EmbeddedNodeFailure(.stopped, fault.withLock(\.self)) }
        return running
    }

    private func run(on group: MultiThreadedEventLoopGroup) async throws {
        let (updates, update) = AsyncStream.makeStream(of: KernelReady.self)
        var worker = KernelConfiguration(name: EmbeddedNode.worker, node: uuid, peerEndpoints: configuration.listen)
        worker.sharedSecret = sharedSecret
        worker.otherSecrets = otherSecrets
        let kernel = KernelService(
            configuration: worker, store: LocalKernelStore(database), group: group, logger: configuration.logger
        ) { ready in
            update.yield(ready)
            update.finish()
        }
        self.kernel.withLock { $0 = kernel }
        defer { self.kernel.withLock { $0 = nil } }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            defer { tasks.cancelAll() }
            tasks.addTask { await self.database.store.run() }
            tasks.addTask {
                for await ready in updates { try await self.serveExtenders(ready, on: group) }
            }
            try await kernel.run()
        }
    }

    /// Attaches every extender and serves until cancelled.
    private func serveExtenders(_ ready: KernelReady, on group: MultiThreadedEventLoopGroup) async throws {
        var services: [ExtenderID: ExtenderService] = [:]
        for extender in configuration.extenders {
            services[extender.id] = ExtenderService(
                extender: extender, access: .memory([ready.memoryLinks], as: try linkName(extender)), group: group,
                logger: configuration.logger)
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for service in services.values { tasks.addTask { try await service.run() } }
            readiness.settle(Running(endpoints: ready.peerEndpoints, services: services))
            try await tasks.waitForAll()
        }
    }
}
