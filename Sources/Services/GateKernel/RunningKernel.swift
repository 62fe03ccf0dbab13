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
import Metrics
import NIOCore
import NIOPosix
import Synchronization

/// A worker that has started: its parts, and the tasks that keep them going.
struct RunningKernel: Sendable {
    let configuration: KernelConfiguration
    let kernel: KernelState
    let host: SessionHost
    let circuits: CircuitHost
    let contexts: [LoopContext]
    let registry: WorkerRegistry
    let feed: KernelFeed
    let identity: WorkerIdentity
    let certifiedUntil: UnixTime
    let health: WorkerHealth
    let links: LinkServer?
    let follower: RightsFollower?
    let drain: WorkerDrain
    let resolver: HostResolver
    let ready: KernelReady

    /// How often gauges are set.
    static let gaugeInterval = Duration.seconds(1)
    /// How often sessions are asked whether their certificates ran out, and whether anybody wants them.
    static let expiryInterval = Duration.seconds(15)

    func run() async throws {
        defer { kernel.finishWork() }
        let outcome: Result<Void, any Error>
        do {
            try await serve()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        // A task of its own, because this one is cancelled, and goodbyes need the database and the loops once more.
        await Task { await stop() }.value
        try outcome.get()
    }

    private func serve() async throws {
        try await withThrowingTaskGroup { group in
            group.addTask { await feed.run() }
            group.addTask { try await untilGoodbye { await registry.run() } }
            group.addTask { await carryOutWork() }
            group.addTask { await keepGauges() }
            group.addTask { await closeExpired() }
            group.addTask {
                await identity.run(until: certifiedUntil) { credentials, end in
                    health.certified(until: end)
                    for context in contexts { context.use(credentials) }
                    host.tell(credentials)
                }
            }
            if let follower { group.addTask { await follower.run() } }
            if let links { group.addTask { try await untilGoodbye { try await links.run() } } }
            // Ends by cancellation, or by the first part that fails.
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Goes on when cancelled until peers were said goodbye to. Sessions must be written down before, or their peers can't
    /// go on elsewhere; and a link that closes while sessions stand means that its extender is gone, and peers would be told
    /// that its streams are over.
    private func untilGoodbye(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let work = Task { try await body() }
        try await withTaskCancellationHandler {
            try await work.value
        } onCancel: {
            Task {
                await drain.stop()
                work.cancel()
            }
        }
    }

    /// Says goodbye to peers, then to the database, which is there until its own end; all within seconds.
    private func stop() async {
        await drain.stop()
        await registry.end()
        await resolver.shutDown()
    }

    private func carryOutWork() async {
        await withDiscardingTaskGroup { group in
            for await body in kernel.pendingWork {
                group.addTask { await body() }
            }
        }
    }

    private func keepGauges() async {
        var watch = PuzzleWatch()
        while !Task.isCancelled {
            kernel.metrics.sessions.record(kernel.sessionCount)
            kernel.metrics.suspended.record(kernel.suspendedCount)
            kernel.metrics.handshakes.record(host.gate.halfOpenCount)
            kernel.metrics.extenders.record(kernel.attachments().count)
            var (parties, unlockedBytes, waitingBytes, effort) = (0, 0, 0, UInt8(0))
            for context in contexts {
                guard let held = try? await context.eventLoop.submit({ LoopFigures(context) }).get() else { continue }
                (parties, unlockedBytes) = (parties + held.parties, unlockedBytes + held.unlockedBytes)
                waitingBytes += held.waitingBytes
                effort = max(effort, held.effort)
                kernel.metrics.count(held.traffic)
                kernel.metrics.count(held.puzzles)
            }
            kernel.metrics.puzzleEffort.record(Int(effort))
            tell(watch.seen(effort: effort, at: SystemClock.now()))
            kernel.metrics.circuits.record(parties)
            kernel.metrics.unlockedBytes.record(unlockedBytes)
            kernel.metrics.waitingBytes.record(waitingBytes)
            kernel.load.withLock {
                $0 = WorkerLoad(
                    sessions: UInt32(clamping: kernel.sessionCount), circuits: UInt32(clamping: parties))
            }
            await drain.moveOn()
            try? await Task.sleep(for: RunningKernel.gaugeInterval)
        }
    }

    private func tell(_ change: PuzzleWatch.Change?) {
        switch change {
        case .begun:
            kernel.logger.notice(
                "Many handshakes are given up after their answer: openings are answered with puzzles from now on (setting handshake.puzzle-threshold)"
            )
        case .ended: kernel.logger.notice("Openings are answered without puzzles again")
        case nil: break
        }
    }

    /// Ends sessions whose peers' certificates ran out, and second ones that nobody wants, until cancelled.
    private func closeExpired() async {
        while !Task.isCancelled {
            host.closeExpired(at: SystemClock.wall())
            host.endSpare(at: SystemClock.now())
            try? await Task.sleep(for: RunningKernel.expiryInterval)
        }
    }

    /// Why the worker is to get no new peers now; `nil` where it is. What it has it keeps all the while.
    func unreadiness() -> String? {
        guard !host.gate.isDraining else { return "draining" }
        return health.unreadiness(at: SystemClock.now(), wall: SystemClock.wall())
    }

    func status() async -> KernelStatus {
        var sessions: [KernelStatus.Session] = []
        for session in kernel.sessions {
            let (streams, keyEpoch) =
                (try? await session.eventLoop.submit { (session.streamCount, session.keyEpoch) }.get()) ?? (0, 0)
            sessions.append(
                KernelStatus.Session(
                    id: session.id.description, peer: session.peer.text, relayed: session.isRelayed,
                    inbound: session.isInbound, since: session.since.seconds,
                    version: session.way.version, streams: streams, keyEpoch: keyEpoch))
        }
        var memory: [String] = []
        for context in contexts {
            let text = try? await context.eventLoop.submit { "\(context.environment.slab.protection)" }.get()
            if let text { memory.append(text) }
        }
        return KernelStatus(
            worker: configuration.name, node: host.own.description, sessions: sessions,
            circuits: await circuits.descriptions(on: contexts),
            extenders: kernel.extenderDescriptions, handshakes: host.gate.halfOpenCount,
            draining: host.gate.isDraining,
            secretMemory: Set(memory).sorted().joined(separator: ", "))
    }
}

/// What is shown of one event loop, once a second. Made on the loop.
private struct LoopFigures {
    let parties: Int
    let unlockedBytes: Int
    let traffic: TrafficCount
    let puzzles: PuzzleCount
    let effort: UInt8
    let waitingBytes: Int

    init(_ context: LoopContext) {
        parties = context.partyCount
        unlockedBytes = context.environment.slab.unlockedBytes
        traffic = context.takeTraffic()
        puzzles = context.takePuzzles()
        effort = context.puzzleEffort()
        context.backlog.recount()
        waitingBytes = context.backlog.bytes
    }
}
