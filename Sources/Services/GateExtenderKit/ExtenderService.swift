import GateLink
import GateLinkStore
import GateLinkTransport
public import GateModel
public import Logging
public import NIOCore
public import ServiceLifecycle
import Synchronization

/// Keeps a replica of an extender attached to every kernel worker, and runs the extender's handlers.
///
/// While a worker cannot be reached it tries again with growing pauses; the others carry on. Cancel ``run()`` or shut its
/// service group down to stop: links are closed, streams are reset.
public final class ExtenderService: Service {
    /// How long a link is kept to a worker that the directory names no more. After the database was away workers have to
    /// renew their leases first; links that serve must not go for that.
    static let absenceMax = Duration.seconds(30)
    /// Updates of a directory that may wait; one that is lost is made good by the next.
    private static let updatesMax = 16

    private let extender: any Extender
    package let core: ExtenderCore
    private let access: NodeAccess
    private let namedWorkers: Set<WorkerAddress>
    private let logger: Logger

    /// Makes a service over any way to the node.
    ///
    /// - Parameter group: one of its loops carries all links; loops of a posix event loop group.
    package init(
        extender: any Extender, limits: ExtenderLimits = ExtenderLimits(), access: NodeAccess,
        workers: Set<WorkerAddress> = [], group: any EventLoopGroup, logger: Logger
    ) {
        self.extender = extender
        namedWorkers = workers
        self.access = access
        self.logger = logger
        var random = SystemRandomNumberGenerator()
        core = ExtenderCore(
            extender: extender.id, name: extender.name, limits: limits, replica: random.next(),
            eventLoop: group.next(), witness: (extender as? any WitnessedExtender)?.witness,
            logger: logger)
    }

    /// Makes a service for a process of its own.
    ///
    /// - Parameter group: one of its loops carries all links, since streams move between them: replicas spread an extender
    ///   over cores. A `MultiThreadedEventLoopGroup`.
    /// - Throws: ``ExtenderFailure`` where the credential can't be read.
    public convenience init(
        extender: any Extender, limits: ExtenderLimits = ExtenderLimits(), location: NodeLocation,
        group: any EventLoopGroup, logger: Logger
    ) throws(ExtenderFailure) {
        let eventLoop = group.next()
        let membership: LinkMembership
        do {
            membership = try LinkMembership(
                folder: location.credentialFolder, databases: location.databases, program: extender.name,
                eventLoop: eventLoop, logger: logger)
        } catch {
            throw ExtenderFailure(.credential, "\(error)")
        }
        let database = DatabaseLink(
            endpoints: location.databases, membership: membership, program: extender.name, eventLoop: eventLoop,
            logger: logger)
        self.init(
            extender: extender, limits: limits, access: .database(database), workers: location.workers, group: group,
            logger: logger)
    }

    /// The extender's own data; `nil` where the node was reached without its database.
    public var storage: ExtenderStorage? {
        guard case .database(let database) = access else { return nil }
        return ExtenderStorage(store: database.store, extender: extender.id)
    }

    /// The node's settings, as far as the credential's rights go; defaults where the node was reached without its
    /// database.
    public var settings: any NodeSettingsFeed {
        guard case .database(let database) = access else { return FixedNodeSettings() }
        return database.settings
    }

    /// The node that this replica serves; `nil` until a worker has attached it.
    public var node: NodeUUID? { core.node }

    /// The names of the workers that are attached now.
    public var attachedWorkers: [String] { core.attachedLinks.map(\.worker) }

    /// Returns once a worker is attached; at once where one is. A cancelled task returns early.
    public func attached() async { await core.attached() }

    /// Sessions without relays to peers that showed who they are.
    public var sessions: [PeerSession] { core.directSessions }

    /// The event loop of the links, for channels that will be spliced with streams: a server that takes its children's
    /// loops from here has no bytes cross threads. Falls back on `fallback` while no worker is attached.
    public func linkEventLoops(fallback: any EventLoopGroup) -> any EventLoopGroup {
        LinkEventLoops(core: core, fallback: fallback)
    }

    /// Opens a session to a node, or finds the one that serves.
    ///
    /// - Parameters:
    ///   - anonymous: whether to show the peer no identity. Of use with a relayed route only.
    ///   - isolation: sessions over relays are shared within one key only; at most 256 bytes, no secret.
    /// - Throws: ``ExtenderFailure``, which says what can still be done.
    public func connect(
        to node: NodeUUID, route: PeerRoute = .direct, anonymous: Bool = false, isolation: String = "",
        deadline: Duration = .seconds(30)
    ) async throws -> PeerSession {
        let end = ContinuousClock.now + deadline
        var failure = ExtenderFailure(.noWorker)
        for handle in core.links(to: node, route: route, isolation: isolation) where ContinuousClock.now < end {
            do {
                return try await connect(
                    to: node, over: handle, route: route, anonymous: anonymous, isolation: isolation,
                    deadline: ContinuousClock.now.duration(to: end))
            } catch let fault as ExtenderFailure where fault.code == .overloaded || fault.code == .noWorker {
                failure = fault  // that worker can't; another one may
            }
        }
        throw failure
    }

    private func connect(
        to node: NodeUUID, over handle: LinkHandle, route: PeerRoute, anonymous: Bool, isolation: String,
        deadline: Duration
    ) async throws -> PeerSession {
        let promise = core.eventLoop.makePromise(of: SessionID.self)
        core.eventLoop.execute {
            handle.link.value.connect(
                to: node, route: route, anonymous: anonymous, isolation: isolation, deadline: deadline, promise)
        }
        let session = try await promise.futureResult.get()
        return PeerSession(id: session, peer: .node(node), core: core)
    }

    /// Serves until cancelled.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.keepLinks() }
                group.addTask { await self.serveStreams() }
                group.addTask { for await input in self.core.inputs { await self.serve(input) } }
                group.addTask { for await change in self.core.changes { await self.extender.peerChanged(change) } }
                await group.next()
                group.cancelAll()
                self.core.finish()
            }
        }
    }

    private func keepLinks() async {
        switch access {
        case .memory(let workers, let name):
            await withDiscardingTaskGroup { group in
                for worker in workers {
                    group.addTask { await self.keeper(.memory(worker, as: name)).run() }
                }
            }
        case .network(let directory, let credential): await keepLinks(of: directory, credential)
        case .database(let database):
            await withDiscardingTaskGroup { group in
                group.addTask { await database.run() }
                await database.joined()
                if namedWorkers.isEmpty {
                    await keepLinks(of: database.workers, database.credential)
                } else {
                    await keepLinks(of: FixedWorkers(namedWorkers), database.credential)
                }
            }
        }
    }

    /// One task for each worker that the directory names, for as long as it does, and a while longer.
    private func keepLinks(of directory: any WorkerDirectory, _ credential: LinkCredentialSource) async {
        let (updates, continuation) = AsyncStream.makeStream(
            of: Set<WorkerAddress>?.self, bufferingPolicy: .bufferingOldest(ExtenderService.updatesMax))
        await withDiscardingTaskGroup { group in
            group.addTask { await self.follow(directory) { continuation.yield($0) } }
            var roster = KeptLinks(grace: ExtenderService.absenceMax)
            for await update in updates {
                let (begun, hasMissing) = roster.update(update, at: .now)
                for (address, link) in begun {
                    let keeper = keeper(.network(address.endpoint, credential: credential), of: address.name)
                    group.addTask { await link.run { await keeper.run() } }
                }
                guard update != nil, hasMissing else { continue }
                group.addTask {
                    try? await Task.sleep(for: ExtenderService.absenceMax)
                    continuation.yield(nil)
                }
            }
        }
    }

    private func keeper(_ target: LinkTarget, of worker: String? = nil) -> LinkKeeper {
        let place = WorkerPlace(core: core)
        return LinkKeeper(
            target: target, expects: .kernel, process: worker,
            attach: LinkAttach(
                extender: core.extender, name: core.name, replica: core.replica, capabilities: [LinkAttach.goesOn]),
            eventLoop: core.eventLoop, program: core.name,
            makeDelegate: { _, eventLoop in place.delegate(on: eventLoop) }, logger: logger)
    }

    private func follow(
        _ directory: any WorkerDirectory, _ tell: @Sendable (Set<WorkerAddress>) -> Void
    ) async {
        while !Task.isCancelled {
            do {
                try await directory.follow(tell)
                await waitForCancellation()
            } catch {
                logger.warning("the list of workers can't be read; trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func serveStreams() async {
        await withDiscardingTaskGroup { group in
            for await stream in core.streams {
                group.addTask {
                    do {
                        try await self.extender.opened(stream)
                    } catch {
                        stream.reset(.failed)
                    }
                    self.core.handled(stream)
                }
            }
            group.cancelAll()
        }
    }

    private func serve(_ input: PeerMessage.Received) async {
        await extender.received(input.message)
        input.consumed()
    }
}

/// Returns when the task is cancelled.
private func waitForCancellation() async {
    let (never, continuation) = AsyncStream.makeStream(of: Void.self)
    for await _ in never {}
    continuation.finish()
}
