import GateCrypto
import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateSession
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore
import NIOPosix
import Synchronization

extension RunningKernel {
    /// Gets certified, registers, reads the rules and listens, in that order: nobody is answered before rules are known.
    static func start(
        _ configuration: KernelConfiguration, store: any KernelStore, group: MultiThreadedEventLoopGroup,
        logger: Logger
    ) async throws -> RunningKernel {
        let staticKey: StaticKey
        do { staticKey = try StaticKey() } catch { throw KernelFailure.noProtectedMemory }
        let postQuantumKey = try await patiently(logger) { try await WorkerIdentity.makePostQuantumKey(for: store) }
        let identity = WorkerIdentity(
            name: configuration.name, store: store, staticKey: staticKey, postQuantumKey: postQuantumKey,
            features: configuration.resumesSessions ? WorkerCertificate.resumesSessions : 0, logger: logger)
        let (credentials, notAfter) = try await patiently(logger) { try await identity.certify() }
        guard credentials.node == configuration.node else { throw KernelFailure.certificateRefused }

        let bans = BanTable()
        let table = PeerTable(bans: bans)
        let settings = try await store.values()
        table.use(settings)
        let kernel = KernelState(logger: logger, metrics: KernelMetrics(worker: configuration.name), peers: table)
        let contexts = try makeContexts(configuration, credentials, settings, group: group, logger: logger)
        let gate = PeerGate(bans: bans, balancers: configuration.proxyNetworks)
        gate.use(settings)
        let host = SessionHost(
            own: configuration.node, resumesSessions: configuration.resumesSessions, kernel: kernel, table: table,
            gate: gate, contexts: contexts)
        let circuits = CircuitHost(host: host)
        let own = OwnAddresses(
            listening: configuration.peerEndpoints, advertised: configuration.advertisedEndpoints,
            interfaces: OwnAddresses.machine())
        let book = RelayBook(own: configuration.node, ownAddresses: own.seen, store: store, logger: logger)
        let resolver = HostResolver()
        let dialler = Dialler(kernel: kernel, host: host, group: group, resolver: resolver, own: own)
        let connector = Connector(
            kernel: kernel, store: store, table: table, book: book, dialler: dialler, circuits: circuits)
        kernel.use(connector)
        kernel.use(circuits)
        host.use(connector)
        circuits.use(connector)

        let feed = KernelFeed(
            store: store, table: table, gate: gate, bans: bans, worker: configuration.name, logger: logger,
            registered: { await host.renewLease() },
            changed: {
                gate.use(table.settings)
                for context in contexts { context.use(settingsOf: table) }
                host.recheck()
            },
            banned: { host.recheck($0) })
        try await feed.fill()

        let rights = LinkRights(store: store)
        let service = linkService(configuration, kernel: kernel, rights: rights)
        let links = try await listenForLinks(configuration, service: service, group: group, logger: logger)
        let listeners = try await PeerListeners(
            on: configuration.peerEndpoints, sharing: configuration.sharesPeerEndpoints, group: group, host: host)
        own.use(listening: listeners.endpoints)
        let drain = WorkerDrain(
            host: host, listeners: listeners, contexts: contexts, worker: configuration.name, store: store,
            logger: logger)
        let lease = settings[NodeSettings.workerLease]
        let link = await AdvertisedLink.endpoint(of: links, configuration, group: group)
        let row = try await store.registerWorker(
            WorkerRegistration(
                name: configuration.name, linkAddress: link.map { "\($0)" } ?? "",
                adminAddress: configuration.adminAddress),
            lease: lease)
        let health = WorkerHealth(certifiedUntil: notAfter, at: SystemClock.now())
        let registry = WorkerRegistry(
            store: store, kernel: kernel, row: row, lease: lease, health: health, logger: logger,
            load: { kernel.load.withLock(\.self) }, drain: { await drain.set($0) },
            isDraining: { host.gate.isDraining }, impostor: { host.closeImpostor($0) })
        host.use(registry)
        let name = LinkName(node: configuration.node, role: .kernel, name: configuration.name)
        guard let name else { throw KernelFailure.databaseUnavailable("the worker's name is no link name") }
        return RunningKernel(
            configuration: configuration, kernel: kernel, host: host, circuits: circuits, contexts: contexts,
            registry: registry, feed: feed, identity: identity, certifiedUntil: notAfter, health: health,
            links: links, follower: links.map { follower(of: store, $0, rights, logger) }, drain: drain,
            resolver: resolver,
            ready: KernelReady(
                peerEndpoints: listeners.endpoints, linkEndpoint: links?.endpoint,
                memoryLinks: MemoryLinkServer(name: name, service: service)))
    }

    /// The database may start at the same time: ask again for a while.
    private static func patiently<Value>(_ logger: Logger, _ body: () async throws -> Value) async throws -> Value {
        let deadline = ContinuousClock.now + KernelService.databasePatience
        while true {
            do {
                return try await body()
            } catch let failure as KernelFailure {
                throw failure
            } catch {
                guard ContinuousClock.now < deadline else {
                    throw KernelFailure.databaseUnavailable("\(error)")
                }
                logger.debug("Waiting for the database", metadata: ["error": "\(error)"])
                try await Task.sleep(for: .milliseconds(200))
            }
        }
    }

    private static func makeContexts(
        _ configuration: KernelConfiguration, _ credentials: WorkerCredentials, _ settings: NodeSettingValues,
        group: MultiThreadedEventLoopGroup, logger: Logger
    ) throws -> [LoopContext] {
        let seeds = SharedSeedWindow()
        var contexts: [LoopContext] = []
        let eventLoops = Array(group.makeIterator())
        for eventLoop in eventLoops {
            let slab: SecretSlab
            do { slab = try SecretSlab() } catch { throw KernelFailure.noProtectedMemory }
            let environment = SessionEnvironment(
                node: configuration.node, credentials: credentials, sharedSecret: configuration.sharedSecret,
                versions: configuration.versions, slab: slab, random: FastRandom(),
                remember: { seeds.remember($0, minute: $1, now: $2) })
            environment.otherSecrets = configuration.otherSecrets
            let context = LoopContext(
                eventLoop: eventLoop, environment: environment, random: FastRandom(), loopCount: eventLoops.count)
            context.apply(settings)
            contexts.append(context)
        }
        if let unlocked = contexts.map(\.environment.slab.protection).first(where: { $0 != .lockedAndGuarded }) {
            logger.warning(
                "Keys may be swapped to disk: memory can't be locked. Raise the limit (LimitMEMLOCK, ulimit -l) or switch swap off",
                metadata: ["protection": "\(unlocked)"])
        }
        return contexts
    }

    private static func linkService(
        _ configuration: KernelConfiguration, kernel: KernelState, rights: LinkRights
    ) -> LinkService {
        LinkService(
            accepts: [.extender], worker: configuration.name,
            admit: { peer in await rights.admission(of: peer.name) },
            makeDelegate: { _, _ in AttachmentDelegate(kernel: kernel) })
    }

    private static func follower(
        of store: any KernelStore, _ links: LinkServer, _ rights: LinkRights, _ logger: Logger
    ) -> RightsFollower {
        RightsFollower(
            feed: store, server: links, admit: { await rights.admission(of: $0) }, changed: { rights.changed($0) },
            logger: logger)
    }

    private static func listenForLinks(
        _ configuration: KernelConfiguration, service: LinkService, group: MultiThreadedEventLoopGroup, logger: Logger
    ) async throws -> LinkServer? {
        guard let endpoint = configuration.linkEndpoint, let credential = configuration.credential else { return nil }
        do {
            return try await LinkServer.bind(
                to: endpoint, credential: credential, service: service, group: group, logger: logger)
        } catch {
            throw KernelFailure.cannotListen(endpoint, "\(error)")
        }
    }
}

/// The seeds of first flights that any loop of the worker has seen.
final class SharedSeedWindow: Sendable {
    private let window = Mutex(SeedWindow())

    func remember(_ seed: FlightSeed, minute: Int64, now: Int64) -> Bool {
        window.withLock { $0.remember(seed, minute: minute, now: now) }
    }
}
