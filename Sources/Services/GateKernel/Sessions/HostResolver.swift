import GateModel
import NIOCore
import NIOPosix
import Synchronization

/// Turns host names into addresses, on threads of its own because the system's resolver blocks. For our own dials only:
/// what circuits ask for is never looked up.
final class HostResolver: Sendable {
    private let threads = NIOThreadPool(numberOfThreads: HostResolver.threadCount)
    private let lookups = Mutex(0)

    static let threadCount = 2
    /// Names that are looked up or wait for it at most; further ones are not.
    static let lookupsMax = 64

    init() { threads.start() }

    /// The endpoint's address; `nil` where its name has none, or too many wait.
    func address(of endpoint: Endpoint) async -> SocketAddress? {
        if let literal = try? SocketAddress(ipAddress: endpoint.host, port: Int(endpoint.port)) { return literal }
        let mayLookUp = lookups.withLock { count in
            guard count < HostResolver.lookupsMax else { return false }
            count += 1
            return true
        }
        guard mayLookUp else { return nil }
        defer { lookups.withLock { $0 -= 1 } }
        return try? await threads.runIfActive {
            try SocketAddress.makeAddressResolvingHost(endpoint.host, port: Int(endpoint.port))
        }
    }

    func shutDown() async { try? await threads.shutdownGracefully() }
}
