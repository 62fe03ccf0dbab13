import Glibc
import Synchronization

/// Finds ports of this machine that nobody listens on.
package enum FreePorts {
    /// What `quantumgate init --port-base` uses, relative to the base.
    private static let offsets: [UInt16] = [0, 10, 20, 30, 31, 32, 80]
    /// Bases are apart by this much, so that no two nodes share a port.
    private static let step: UInt16 = 100

    private static let first: UInt16 = 11_000
    private static let placeCount: UInt16 = 200
    /// Where to look next; begins at a place that differs by process.
    private static let nextPlace = Mutex(UInt16(truncatingIfNeeded: getpid()) % placeCount)

    /// That many bases of which all ports are free now, on 127.0.0.1 and ::1; others at each call until all were given.
    ///
    /// They are below the ports that the system gives to dialers.
    package static func bases(count: Int) -> [UInt16] {
        nextPlace.withLock { place in
            var found: [UInt16] = []
            for _ in 0..<placeCount where found.count < count {
                let base = first + place * step
                if offsets.allSatisfy({ isFree(base + $0) }) { found.append(base) }
                place = (place + 1) % placeCount
            }
            return found
        }
    }

    private static func isFree(_ port: UInt16) -> Bool { canBind(port, isV6: false) && canBind(port, isV6: true) }

    private static func canBind(_ port: UInt16, isV6: Bool) -> Bool {
        let descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return isV6 }  // a machine without IPv6
        defer { close(descriptor) }
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        let result = LoopbackAddress.use(port: port, isV6: isV6) { bind(descriptor, $0, $1) }
        return result == 0 || (isV6 && errno == EADDRNOTAVAIL)
    }
}
