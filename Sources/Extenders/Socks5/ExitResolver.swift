import GateExtenderKit
import GateModel
import NIOCore
import NIOPosix
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Finds the addresses of names with the machine's resolver, on threads of its own; bounded.
final class ExitResolver: Sendable {
    /// The most names that are resolved or wait; more fail at once.
    static let waitingMax = 256
    /// Of them, the most of one session: so a session whose names take long keeps nobody else's waiting.
    static let waitingPerSessionMax = 32
    /// The most addresses of one name that are tried.
    static let addressesMax = 8

    private let pool: NIOThreadPool
    private let places = Mutex(SharedPlaces<SessionID>(total: waitingMax, share: waitingPerSessionMax))

    init(threadCount: Int = 8) {
        pool = NIOThreadPool(numberOfThreads: threadCount)
    }

    func start() { pool.start() }

    /// The name's addresses in the resolver's order; empty where there are none, or too many names wait, in all or for
    /// this session.
    func addresses(of name: String, for session: SessionID) async -> [IPAddress] {
        guard places.withLock({ $0.take(for: session) }) else { return [] }
        defer { places.withLock { $0.leave(session) } }
        return await addressesOfOwn(name)
    }

    /// The same for a name that this node's operator gave: it waits for no place.
    func addressesOfOwn(_ name: String) async -> [IPAddress] {
        (try? await pool.runIfActive { resolve(name) }) ?? []
    }

    func stop() async { try? await pool.shutdownGracefully() }
}

private func resolve(_ name: String) -> [IPAddress] {
    var hints = addrinfo()
    #if canImport(Glibc)
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    #else
    hints.ai_socktype = SOCK_STREAM
    #endif
    hints.ai_flags = AI_ADDRCONFIG
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, nil, &hints, &found) == 0 else { return [] }
    defer { freeaddrinfo(found) }
    var addresses: [IPAddress] = []
    var next = found
    while let entry = next, addresses.count < ExitResolver.addressesMax {
        // The resolver's sockaddr is as long as its family says.
        if let address = entry.pointee.ai_addr.flatMap({ address(of: $0) }), !addresses.contains(address) {
            addresses.append(address)
        }
        next = entry.pointee.ai_next
    }
    return addresses
}

/// `socket` is as long as its family says: a `sockaddr_in` holds the address at bytes 4-7, a `sockaddr_in6` at 8-23.
private func address(of socket: UnsafePointer<sockaddr>) -> IPAddress? {
    switch CInt(socket.pointee.sa_family) {
    case AF_INET: IPAddress(bytes: UnsafeRawBufferPointer(start: socket, count: MemoryLayout<sockaddr_in>.size)[4..<8])
    case AF_INET6:
        IPAddress(bytes: UnsafeRawBufferPointer(start: socket, count: MemoryLayout<sockaddr_in6>.size)[8..<24])
    default: nil
    }
}

extension IPAddress {
    /// The same address as a socket address. A scope has no place here: link-local addresses have none.
    func socketAddress(port: UInt16) throws -> SocketAddress {
        try SocketAddress(packedIPAddress: ByteBuffer(bytes: bytes), port: Int(port))
    }

    /// The address of a socket address; `nil` for other families.
    init?(_ address: SocketAddress) {
        guard let held = address.withSockAddr({ pointer, _ in Socks5.address(of: pointer) }) else { return nil }
        self = held
    }
}
