import GateAdmin
import GateModel
import GateSettings
import Logging
import Synchronization
import Testing

@testable import GateCommand

@Suite(.timeLimit(.minutes(1))) struct HealthTests {
    @Test(arguments: [
        ("http://127.0.0.1:7730/healthz", "127.0.0.1:7730", "/healthz"), ("http://[::1]:80", "[::1]:80", "/readyz"),
        ("http://kernel:7730/", "kernel:7730", "/"),
    ])
    func `a place is read from its address`(url: String, endpoint: String, path: String) throws {
        let place = try #require(HealthPlace(url: url))
        #expect("\(place.endpoint)" == endpoint)
        #expect(place.path == path)
    }

    @Test(arguments: ["", "127.0.0.1:7730", "https://127.0.0.1:7730/", "http://127.0.0.1/readyz"])
    func `another address is none`(url: String) { #expect(HealthPlace(url: url) == nil) }

    @Test func `programs that listen everywhere are asked on this machine`() {
        var settings = LocalSettings(directory: "/node")
        settings.kernel.admin = Endpoint(host: "0.0.0.0", port: 7730)
        settings.database.admin = Endpoint(host: "::", port: 7731)
        #expect(
            HealthPlace.all(of: settings).map { "\($0.name) \($0.place.endpoint)" } == [
                "kernel-1 127.0.0.1:7730", "database [::1]:7731", "socks5 127.0.0.1:7732",
            ])
    }

    @Test(arguments: [(nil, HealthPlace.Answer.ready), ("no database", .unready)])
    func `a program is ready as it says itself`(reason: String?, answer: HealthPlace.Answer) async throws {
        let (bound, continuation) = AsyncStream.makeStream(of: Endpoint.self)
        let service = AdminService(
            endpoint: Endpoint(host: "127.0.0.1", port: 0),
            sources: AdminService.Sources(metrics: { "" }, unreadiness: { reason }),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            onBound: { continuation.yield($0) })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            var endpoints = bound.makeAsyncIterator()
            let endpoint = try #require(await endpoints.next())
            #expect(await HealthPlace(endpoint: endpoint).answer() == answer)
            group.cancelAll()
        }
    }
}
