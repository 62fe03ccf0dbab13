import Foundation
import GateModel
import Glibc
import Logging
import Synchronization
import Testing

@testable import GateAdmin

@Suite(.timeLimit(.minutes(1))) struct AdminServiceTests {
    /// Serves on a free port, asks once for `path`, and gives back the whole answer.
    private func answer(
        to path: String, _ sources: AdminService.Sources, isExposed: Bool = false
    ) async throws -> String {
        let (bound, continuation) = AsyncStream.makeStream(of: Endpoint.self)
        let service = AdminService(
            endpoint: Endpoint(host: "127.0.0.1", port: 0), sources: sources, isExposed: isExposed,
            logger: Logger(label: "test"), onBound: { continuation.yield($0) })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await service.run() }
            var ports = bound.makeAsyncIterator()
            let endpoint = try #require(await ports.next())
            defer { group.cancelAll() }
            return await withCheckedContinuation { done in
                Thread.detachNewThread { done.resume(returning: fetch(path, port: endpoint.port)) }
            }
        }
    }

    private let sources = AdminService.Sources(
        metrics: { "gate_x_total 1\n" }, unreadiness: { "no database" }, status: { "{\"a\":1}" })

    @Test func `metrics are Prometheus text and say whether it is ready`() async throws {
        let text = try await answer(to: "/metrics", sources)
        #expect(text.hasPrefix("HTTP/1.1 200"))
        #expect(text.contains("text/plain; version=0.0.4"))
        #expect(text.hasSuffix("gate_x_total 1\n# TYPE gate_ready gauge\ngate_ready 0\n"))
        let ready = try await answer(to: "/metrics", AdminService.Sources(metrics: { "" }))
        #expect(ready.hasSuffix("\ngate_ready 1\n"))
    }

    @Test func `health is there while the process serves`() async throws {
        #expect(try await answer(to: "/healthz", sources).hasPrefix("HTTP/1.1 200"))
    }

    @Test func `readiness tells why it is missing`() async throws {
        let text = try await answer(to: "/readyz", sources)
        #expect(text.hasPrefix("HTTP/1.1 503"))
        #expect(text.hasSuffix("not ready: no database\n"))
        let ready = try await answer(to: "/readyz", AdminService.Sources(metrics: { "" }))
        #expect(ready.hasPrefix("HTTP/1.1 200"))
    }

    @Test func `status is JSON`() async throws {
        let text = try await answer(to: "/status", sources)
        #expect(text.contains("application/json"))
        #expect(text.hasSuffix("{\"a\":1}\n"))
    }

    @Test func `exposed to other machines there is no status`() async throws {
        #expect(try await answer(to: "/status", sources, isExposed: true).hasPrefix("HTTP/1.1 404"))
        #expect(try await answer(to: "/metrics", sources, isExposed: true).hasPrefix("HTTP/1.1 200"))
        #expect(try await answer(to: "/healthz", sources, isExposed: true).hasPrefix("HTTP/1.1 200"))
        #expect(try await answer(to: "/readyz", sources, isExposed: true).hasPrefix("HTTP/1.1 503"))
    }

    @Test func `other paths are not there`() async throws {
        #expect(try await answer(to: "/secrets", sources).hasPrefix("HTTP/1.1 404"))
    }
}

/// One HTTP request over a blocking socket; the answer until the server closes.
private func fetch(_ path: String, port: UInt16) -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let connected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard connected == 0 else { return "" }
    let request = "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    guard write(descriptor, request, request.utf8.count) > 0 else { return "" }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += buffer.prefix(count)
    }
}
