package import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Runs a program's one service beside its admin server until SIGTERM or SIGINT, or until either of them ends.
package struct ProgramGroup {
    /// How long a program may take to stop; then its tasks are cancelled.
    package static let stopWithin = Duration.seconds(4)

    private let serve: @Sendable () async throws -> Void
    private let beside: @Sendable () async -> Void
    private let admin: AdminService
    private let logger: Logger

    /// - Parameters:
    ///   - serve: The service; cancelled to stop it.
    ///   - beside: What it needs to its end, such as its link to the database service; cancelled after it ended.
    package init(
        admin: AdminService, logger: Logger, serve: @escaping @Sendable () async throws -> Void,
        beside: @escaping @Sendable () async -> Void = {}
    ) {
        self.serve = serve
        self.beside = beside
        self.admin = admin
        self.logger = logger
    }

    /// Runs both; throws what the service threw, after logging it.
    package func run() async throws {
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: StoppableService(serve: serve, beside: beside)), .init(service: admin)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        configuration.maximumGracefulShutdownDuration = ProgramGroup.stopWithin
        do {
            try await ServiceGroup(configuration: configuration).run()
            logger.info("stopped")
        } catch {
            logger.critical("ended", metadata: ["error": "\(error)"])
            throw error
        }
    }

    private var quiet: Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}

/// Turns a graceful shutdown into a cancellation, first of the service, then of what it needs.
private struct StoppableService: Service {
    let serve: @Sendable () async throws -> Void
    let beside: @Sendable () async -> Void

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await beside() }
            defer { group.cancelAll() }
            do {
                try await cancelWhenGracefulShutdown { try await serve() }
            } catch is CancellationError {}
        }
    }
}
