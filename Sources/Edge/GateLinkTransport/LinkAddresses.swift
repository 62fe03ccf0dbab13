import GateModel
import Glibc
import NIOCore
import NIOPosix

/// The addresses of endpoints, looked up anew at each attempt: names of replicas come and go.
enum LinkAddresses {
    /// The most addresses of one name that are tried.
    static let addressesMax = 32

    /// Every address of every endpoint, those of one name in random order; what has none is left out, with the reason.
    static func all(of endpoints: [Endpoint]) async -> (addresses: [SocketAddress], missing: [String]) {
        var addresses: [SocketAddress] = []
        var missing: [String] = []
        for endpoint in endpoints {
            // A blocking call; the pool is the one that NIO keeps for such.
            let found = try? await NIOThreadPool.singleton.runIfActive { lookUp(endpoint) }
            if let found, !found.isEmpty {
                addresses += found
            } else {
                missing.append("\(endpoint): the name has no address")
            }
        }
        return (addresses.shuffled(), missing)
    }

    private static func lookUp(_ endpoint: Endpoint) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(endpoint.host, "\(endpoint.port)", &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var addresses: [SocketAddress] = []
        var next = first
        while let entry = next, addresses.count < addressesMax {
            if let address = address(entry.pointee), !addresses.contains(address) { addresses.append(address) }
            next = entry.pointee.ai_next
        }
        return addresses
    }

    private static func address(_ entry: addrinfo) -> SocketAddress? {
        guard let raw = entry.ai_addr else { return nil }
        switch entry.ai_family {
        case AF_INET:
            return raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET6:
            return raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        default: return nil
        }
    }
}
