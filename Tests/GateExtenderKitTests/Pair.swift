import GateExtenderKit
import GateModel
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Testing

let testExtender = ExtenderID(UUIDBytes(high: 1, low: 1))

/// Two replicas at two nodes, joined by fake kernels.
struct Pair: Sendable {
    static let nearNode = NodeUUID(UUIDBytes(high: 1, low: 0))
    static let farNode = NodeUUID(UUIDBytes(high: 2, low: 0))

    let near: ExtenderService
    let far: ExtenderService
    let nodes: FakeNodes

    func connect() async throws -> PeerSession { try await near.connect(to: Pair.farNode) }

    /// Waits until both replicas are attached.
    func attached() async throws {
        while near.attachedWorkers.isEmpty || far.attachedWorkers.isEmpty { await Task.yield() }
    }
}

/// Runs `body` with a replica of `extender` at a far node and a silent one at the near node. Windows are 256 KiB; `heldMax`
/// is the far replica's.
func withPair(
    _ extender: some Extender, handlersPerSession: Int = 512, heldMax: Int = .max,
    abandonedTime: Duration = .seconds(10), suspensionTime: Duration = .seconds(30),
    _ body: @Sendable (Pair) async throws -> Void
) async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let nodes = FakeNodes(eventLoop: group.next())
    var limits = ExtenderLimits()
    limits.streamWindow = 262_144
    limits.messageWindow = 1_048_576
    limits.handlersPerSessionMax = handlersPerSession
    limits.abandonedTime = abandonedTime
    limits.suspensionTime = suspensionTime
    let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
    let near = ExtenderService(
        extender: SilentExtender(), limits: limits, access: nodes.access(to: Pair.nearNode, for: testExtender),
        group: group, logger: logger)
    limits.heldMax = heldMax
    let far = ExtenderService(
        extender: extender, limits: limits, access: nodes.access(to: Pair.farNode, for: testExtender), group: group,
        logger: logger)
    let pair = Pair(near: near, far: far, nodes: nodes)
    do {
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await near.run() }
            tasks.addTask { try await far.run() }
            try await pair.attached()
            try await body(pair)
            tasks.cancelAll()
        }
    } catch {
        try await group.shutdownGracefully()
        throw error
    }
    try await group.shutdownGracefully()
}
