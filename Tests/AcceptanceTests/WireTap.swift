import Foundation
import GateModel
import Synchronization

@testable import GateCommand

/// Stands between two nodes and keeps every byte that passes.
final class WireTap: Sendable {
    /// What passed over one connection.
    struct Recording: Sendable {
        /// From who dialled.
        var sent: [UInt8] = []
        /// To who dialled.
        var answered: [UInt8] = []
        /// Bytes that came back after the last ones from who dialled.
        var lastAnswerBytes = 0
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
        let isV6 = target.host == "::1"
        let listener = socket(isV6 ? AF_INET6 : AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        let port = FreePorts.bases(count: 1)[0] + 91
        let bound = LoopbackAddress.use(port: port, isV6: isV6) { bind(listener, $0, $1) }
        guard bound == 0, listen(listener, 64) == 0 else { throw DemoNode.Failure("no port for a tap") }
        endpoint = Endpoint(host: target.host, port: port)
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
                    recordings[index].lastAnswerBytes =
                        part == \Recording.sent ? 0 : recordings[index].lastAnswerBytes + count
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
