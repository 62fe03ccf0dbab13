import Foundation
import GateCommand
import GateModel
import Synchronization

/// Stands between two nodes and keeps every byte that passes.
final class WireTap: Sendable {
    /// What passed over one connection.
    struct Recording: Sendable {
        /// From who dialled.
        var sent: [UInt8] = []
        /// To who dialled.
        var answered: [UInt8] = []
        var isClosed = false
    }

    let endpoint: Endpoint
    private let listener: Int32
    private let target: Endpoint
    private let state = Mutex<[Recording]>([])

    /// Bytes kept of each direction of a connection.
    private static let keptBytesMax = 8 << 20

    var recordings: [Recording] { state.withLock { $0 } }

    init(to target: Endpoint) throws {
        self.target = target
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let port = FreePorts.bases(count: 1)[0] + 91
        let bound = withLoopback(port) { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw DemoNode.Failure("no port for a tap") }
        endpoint = Endpoint(host: "127.0.0.1", port: port)
        self.listener = listener
        Thread.detachNewThread { [weak self] in
            while true {
                let dialler = accept(listener, nil, nil)
                guard dialler >= 0, let self else { return }
                self.pass(dialler)
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func pass(_ dialler: Int32) {
        let index = state.withLock { recordings in
            recordings.append(Recording())
            return recordings.count - 1
        }
        guard let far = try? BlockingSocket(to: target, patience: 3600).detached() else {
            close(dialler)
            return
        }
        copy(from: dialler, to: far, into: \.sent, of: index)
        copy(from: far, to: dialler, into: \.answered, of: index)
    }

    private func copy(
        from source: Int32, to sink: Int32, into part: any WritableKeyPath<Recording, [UInt8]> & Sendable, of index: Int
    ) {
        Thread.detachNewThread {
            var bytes = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = recv(source, &bytes, bytes.count, 0)
                guard count > 0 else { break }
                self.state.withLock { recordings in
                    let room = WireTap.keptBytesMax - recordings[index][keyPath: part].count
                    recordings[index][keyPath: part] += bytes[..<min(count, max(room, 0))]
                }
                var sent = 0
                while sent < count {
                    let done = bytes.withUnsafeBytes {
                        send(sink, $0.baseAddress.map { $0 + sent }, count - sent, Int32(MSG_NOSIGNAL))
                    }
                    guard done > 0 else { break }
                    sent += done
                }
            }
            self.state.withLock { $0[index].isClosed = true }
            shutdown(source, Int32(SHUT_RDWR))
            shutdown(sink, Int32(SHUT_RDWR))
        }
    }
}

/// Calls `body` with the address of a port on 127.0.0.1.
private func withLoopback(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    let family = withUnsafeBytes(of: UInt16(AF_INET)) { Array($0) }
    let bytes =
        family + [UInt8(port >> 8), UInt8(truncatingIfNeeded: port), 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    return bytes.withUnsafeBytes { raw in
        raw.withMemoryRebound(to: sockaddr.self) { addresses in
            addresses.baseAddress.map { body($0, socklen_t(raw.count)) } ?? -1
        }
    }
}
