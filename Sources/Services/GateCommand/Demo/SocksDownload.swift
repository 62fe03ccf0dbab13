import Crypto
package import GateModel

/// One HTTP download through a SOCKS5 proxy on this machine; blocks its thread.
package struct SocksDownload: Sendable {
    /// The proxy; `nil` dials the target itself.
    package var proxy: Endpoint?
    /// RFC 1929; carries the proxy's options, e.g. `hops=3`.
    package var user = ""
    package var password = "x"
    package let target: Endpoint
    package let byteCount: Int
    /// What the request says it comes from.
    package var agent = "quantumgate"
    /// Seconds that any one read or write may take.
    package var patience = 20
    /// Whether to compute the digest.
    package var hashes = true

    package init(proxy: Endpoint?, user: String, target: Endpoint, byteCount: Int) {
        self.proxy = proxy
        self.user = user
        self.target = target
        self.byteCount = byteCount
    }

    /// What came and how fast.
    package struct Result: Sendable {
        /// SHA-256 in hexadecimal; empty where none was asked for.
        package let digest: String
        package let byteCount: Int
        /// From the SOCKS5 greeting to the first byte of the answer.
        package let secondsToFirstByte: Double
        package let seconds: Double
        package var megabytesPerSecond: Double { Double(byteCount) / 1e6 / max(seconds, 1e-9) }
    }

    /// Why there is no file.
    package enum Failure: Error, CustomStringConvertible {
        case refused(UInt8)
        case closedAfter(Int)
        case stalledAfter(Int, String)

        package var description: String {
            switch self {
            case .refused(let code): "the proxy answered with code \(code)"
            case .closedAfter(let count): "the connection ended after \(count) bytes"
            case .stalledAfter(let count, let reason): "nothing more after \(count) bytes: \(reason)"
            }
        }
    }

    /// `progress` hears of the bytes received so far, about every MiB.
    package func run(progress: (Int) -> Void = { _ in }) throws -> Result {
        let socket = try BlockingSocket(to: proxy ?? target, patience: patience)
        let started = MonotonicSeconds.now()
        if proxy != nil { try negotiate(socket) }
        try socket.write(
            Array(
                "GET /\(byteCount) HTTP/1.1\r\nHost: \(target)\r\nUser-Agent: \(agent)\r\nConnection: close\r\n\r\n"
                    .utf8))
        return try receive(socket, started: started, progress: progress)
    }

    private func negotiate(_ socket: borrowing BlockingSocket) throws {
        let name = Array(user.utf8.prefix(255))
        let secret = Array(password.utf8.prefix(255))
        let host = Array(target.host.utf8)
        try socket.write([5, 1, 2])
        let method = try socket.read(exactly: 2)
        guard method[1] == 2 else { throw Failure.refused(method[1]) }
        try socket.write([1, UInt8(name.count)] + name + [UInt8(secret.count)] + secret)
        let login = try socket.read(exactly: 2)
        guard login[1] == 0 else { throw Failure.refused(login[1]) }
        try socket.write(
            [5, 1, 0, 3, UInt8(host.count)] + host + [UInt8(target.port >> 8), UInt8(truncatingIfNeeded: target.port)])
        let reply = try socket.read(exactly: 4)
        guard reply[1] == 0 else { throw Failure.refused(reply[1]) }
        switch reply[3] {
        case 1: _ = try socket.read(exactly: 6)
        case 4: _ = try socket.read(exactly: 18)
        default: _ = try socket.read(exactly: Int(try socket.read(exactly: 1)[0]) + 2)
        }
    }

    private func receive(_ socket: borrowing BlockingSocket, started: Double, progress: (Int) -> Void) throws -> Result
    {
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        var head: [UInt8] = []
        var hash = SHA256()
        var received = 0
        var reported = 0
        var first: Double?
        var inBody = false
        while received < byteCount || !inBody {
            let count: Int
            do { count = try socket.read(into: &buffer) } catch { throw Failure.stalledAfter(received, "\(error)") }
            guard count > 0 else { throw Failure.closedAfter(received) }
            if first == nil { first = MonotonicSeconds.now() }
            var body = buffer[..<count]
            if !inBody {
                head += body
                guard let end = head.firstRange(of: Array("\r\n\r\n".utf8)) else {
                    guard head.count <= DemoWebServer.headBytesMax else { throw Failure.closedAfter(0) }
                    continue
                }
                inBody = true
                body = head[end.upperBound...]
            }
            if hashes { body.withUnsafeBytes { hash.update(bufferPointer: $0) } }
            received += body.count
            if received - reported >= 1 << 20 {
                reported = received
                progress(received)
            }
        }
        let ended = MonotonicSeconds.now()
        return Result(
            digest: hashes ? hexadecimal(hash.finalize()) : "", byteCount: received,
            secondsToFirstByte: (first ?? ended) - started, seconds: ended - started)
    }
}
