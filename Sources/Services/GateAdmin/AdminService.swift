package import GateModel
internal import Hummingbird
package import Logging
internal import ServiceLifecycle

/// Metrics, health and status of one process over HTTP. There is no authentication: it is for this machine only, or
/// *exposed*, and then without what names sessions and peers.
///
/// | path | answer |
/// | --- | --- |
/// | `/metrics` | Prometheus text 0.0.4, and `gate_ready`: 1 or 0, as `/readyz` says |
/// | `/healthz` | 200 while the process serves HTTP at all |
/// | `/readyz` | 200 if it can do its work, else 503 with the reason |
/// | `/status` | JSON of what it does now; not there where exposed |
package struct AdminService: Service {
    /// What the answers are made from; each closure is called once a request.
    package struct Sources: Sendable {
        /// Prometheus text.
        package var metrics: @Sendable () -> String
        /// `nil` if ready, else why not.
        package var unreadiness: @Sendable () async -> String?
        /// One JSON value.
        package var status: @Sendable () async -> String

        package init(
            metrics: @escaping @Sendable () -> String,
            unreadiness: @escaping @Sendable () async -> String? = { nil },
            status: @escaping @Sendable () async -> String = { "{}" }
        ) {
            self.metrics = metrics
            self.unreadiness = unreadiness
            self.status = status
        }
    }

    private let endpoint: Endpoint
    private let sources: Sources
    private let isExposed: Bool
    private let onBound: @Sendable (Endpoint) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - endpoint: A loopback address, or any where exposed; port 0 lets the system choose.
    ///   - isExposed: Whether other machines may ask; then there is no `/status`.
    ///   - onBound: Called once with the port that was really bound.
    package init(
        endpoint: Endpoint, sources: Sources, isExposed: Bool = false, logger: Logger,
        onBound: @escaping @Sendable (Endpoint) -> Void = { _ in }
    ) {
        self.endpoint = endpoint
        self.sources = sources
        self.isExposed = isExposed
        self.logger = logger
        self.onBound = onBound
    }

    /// Serves until cancelled or gracefully shut down.
    package func run() async throws {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)  // one line a request says nothing to an operator
        let host = endpoint.host
        let application = Application(
            router: routes(),
            configuration: ApplicationConfiguration(address: .hostname(host, port: Int(endpoint.port))),
            onServerRunning: { [onBound] channel in
                onBound(Endpoint(host: host, port: UInt16(clamping: channel.localAddress?.port ?? 0)))
            },
            logger: quiet)
        try await application.run()
    }

    private func routes() -> Router<BasicRequestContext> {
        let router = Router()
        let sources = sources
        router.get("metrics") { _, _ in
            let isReady = await sources.unreadiness() == nil
            let text = sources.metrics() + "# TYPE gate_ready gauge\ngate_ready \(isReady ? 1 : 0)\n"
            return answer(.ok, "text/plain; version=0.0.4; charset=utf-8", text)
        }
        router.get("healthz") { _, _ in answer(.ok, "text/plain", "ok\n") }
        router.get("readyz") { _, _ in
            if let reason = await sources.unreadiness() {
                return answer(.serviceUnavailable, "text/plain", "not ready: \(reason)\n")
            }
            return answer(.ok, "text/plain", "ready\n")
        }
        guard !isExposed else { return router }
        router.get("status") { _, _ in answer(.ok, "application/json", await sources.status() + "\n") }
        return router
    }
}

private func answer(_ status: HTTPResponse.Status, _ contentType: String, _ text: String) -> Response {
    Response(status: status, headers: [.contentType: contentType], body: .init(byteBuffer: ByteBuffer(string: text)))
}
