import GateCrypto
import GateLink
package import GateLinkTransport
package import GateModel
import GateSession
package import GateStore
import GateTransport
package import Logging
import NIOCore
package import NIOPosix
import ServiceLifecycle
import Synchronization

/// A kernel worker: holds peer connections, carries circuits, serves extenders.
///
/// Keeps no long-term secret and nothing that a restart may not lose. `run()` returns when cancelled or shut down.
package final class KernelService: Service {
    private let configuration: KernelConfiguration
    private let store: any KernelStore
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger
    private let ready: @Sendable (KernelReady) -> Void
    private let running = Mutex<RunningKernel?>(nil)

    /// How long a start waits for the database.
    static let databasePatience = Duration.seconds(30)

    /// `ready` is called once, when peers and extenders can connect.
    package init(
        configuration: KernelConfiguration, store: any KernelStore, group: MultiThreadedEventLoopGroup, logger: Logger,
        ready: @escaping @Sendable (KernelReady) -> Void
    ) {
        self.configuration = configuration
        self.store = store
        self.group = group
        self.logger = logger
        self.ready = ready
    }

    /// How many loops a worker with this setting has: without one its share of the processors of its machine, whose
    /// workers would push each other off them.
    package static func eventLoopCount(_ setting: Int, workersHere: Int) -> Int {
        setting > 0 ? setting : max(1, System.coreCount / max(1, workersHere))
    }

    package func run() async throws {
        try await cancelWhenGracefulShutdown {
            let kernel = try await RunningKernel.start(
                self.configuration, store: self.store, group: self.group, logger: self.logger)
            self.running.withLock { $0 = kernel }
            self.ready(kernel.ready)
            try await kernel.run()
        }
    }

    /// What was decided about a peer has changed: in force on return, for whoever does not want to wait for the watch.
    package func peerChanged(_ node: NodeUUID) async throws(StoreFailure) {
        try await running.withLock({ $0 })?.feed.apply(.changed(.peers, key: "\(node)"))
    }

    /// Why the worker is to get no new peers now, for `/readyz`; `nil` where it is.
    package func unreadiness() -> String? {
        guard let kernel = running.withLock({ $0 }) else { return "not listening yet" }
        return kernel.unreadiness()
    }

    /// What the worker holds now, for `/status`; `nil` before it is ready.
    package func status() async -> KernelStatus? {
        guard let kernel = running.withLock({ $0 }) else { return nil }
        return await kernel.status()
    }
}

/// Where a worker that is ready can be reached.
package struct KernelReady: Sendable {
    /// Addresses that peers connect to, with the ports that the system chose.
    package let peerEndpoints: [Endpoint]
    /// Where extenders attach; `nil` where they can't over TCP.
    package let linkEndpoint: Endpoint?
    /// For extenders in this process.
    package let memoryLinks: MemoryLinkServer
}
