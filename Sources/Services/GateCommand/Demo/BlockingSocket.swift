package import GateModel
import Glibc

/// A TCP connection to this machine that blocks its thread; closed when it goes out of scope.
package struct BlockingSocket: ~Copyable {
    /// Why a connection could not be used any more.
    package enum Failure: Error, CustomStringConvertible {
        case system(String, Int32)
        case closed

        package var description: String {
            switch self {
            case .system(let what, let code): "\(what): \(String(cString: strerror(code)))"
            case .closed: "the connection ended"
            }
        }
    }

    package let descriptor: Int32

    /// Dials `127.0.0.1`, or `::1` where the host is that.
    ///
    /// - Parameter patience: Seconds that any one read or write may take.
    package init(to endpoint: Endpoint, patience: Int = 20) throws(Failure) {
        let isV6 = endpoint.host == "::1"
        descriptor = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .system("socket", errno) }
        var one: Int32 = 1
        var time = timeval(tv_sec: patience, tv_usec: 0)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        guard LoopbackAddress.use(port: endpoint.port, isV6: isV6, { connect(descriptor, $0, $1) }) == 0 else {
            throw .system("connect to \(endpoint)", errno)
        }
    }

    deinit { close(descriptor) }

    /// Hands the descriptor over; the caller closes it.
    package consuming func detached() -> Int32 {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    /// Sends all of `bytes`.
    package func write(_ bytes: [UInt8]) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                send(descriptor, raw.baseAddress.map { $0 + sent }, raw.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw .system("send", errno) }
            sent += count
        }
    }

    /// Reads what is there, at most as much as `buffer` holds; 0 at the end.
    package func read(into buffer: inout [UInt8]) throws(Failure) -> Int {
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .system("receive", errno) }
            return count
        }
    }

    /// Reads exactly that many bytes.
    package func read(exactly count: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var part = [UInt8](repeating: 0, count: count - bytes.count)
            let got = try read(into: &part)
            guard got > 0 else { throw .closed }
            bytes += part[..<got]
        }
        return bytes
    }

    /// Reads until the other side closes, `bytesMax` at most.
    package func readToEnd(bytesMax: Int) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 * 1024)
        while bytes.count < bytesMax {
            let got = try read(into: &part)
            guard got > 0 else { break }
            bytes += part[..<got]
        }
        return bytes
    }
}

/// Socket addresses of this machine's loopback.
enum LoopbackAddress {
    /// Calls `body` with the address of that port.
    static func use<Result>(
        port: UInt16, isV6: Bool, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        // As bytes, since other modules import the same C structs: family, port, then `sockaddr_in`'s address and
        // padding, or `sockaddr_in6`'s flow, address and scope.
        let family = UInt16(isV6 ? AF_INET6 : AF_INET)
        let head = withUnsafeBytes(of: family) { Array($0) } + [UInt8(port >> 8), UInt8(truncatingIfNeeded: port)]
        let rest: [UInt8] =
            isV6
            ? [0, 0, 0, 0] + [UInt8](repeating: 0, count: 15) + [1, 0, 0, 0, 0]
            : [127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
        return (head + rest).withUnsafeBytes { bytes in
            // An array's storage is aligned for any of these, and lives as long as the call.
            bytes.withMemoryRebound(to: sockaddr.self) { addresses in
                guard let address = addresses.baseAddress else { preconditionFailure("an address has bytes") }
                return body(address, socklen_t(bytes.count))
            }
        }
    }
}
