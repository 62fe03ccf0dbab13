import Foundation

/// Wakes a thread that waits in `poll`; any thread may ring. A pipe to itself.
final class Doorbell: Sendable {
    /// Readable after a ring, until it is answered.
    let descriptor: CInt
    private let button: CInt

    /// `nil` where the process may open no more files.
    init?() {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        (descriptor, button) = (ends[0], ends[1])
    }

    deinit {
        close(descriptor)
        close(button)
    }

    func ring() {
        var byte: UInt8 = 1
        _ = write(button, &byte, 1)  // a full pipe wakes as well
    }

    func answer() {
        var bytes = [UInt8](repeating: 0, count: 64)
        _ = read(descriptor, &bytes, bytes.count)
    }
}

/// How long to wait before the next attempt to connect: doubles from 50 ms to 2 s, each by up to a half less.
struct PostgresBackoff {
    private var step = 50

    mutating func next() -> Duration {
        defer { step = min(step * 2, 2000) }
        return .milliseconds(Int.random(in: step / 2...step))
    }

    mutating func reset() { step = 50 }
}
