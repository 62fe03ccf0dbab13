internal import Foundation
internal import Glibc

/// Ends the process when its parent is gone: a supervisor keeps the child's standard input open and never writes.
///
/// End of file first asks the process to stop (SIGTERM to itself, which services take as graceful shutdown), then ends
/// it after a grace. Watches only a pipe or socket: a terminal or `/dev/null` says nothing about a parent.
package struct StandardInputGuard: Sendable {
    /// Time between asking and ending: a process that is stuck or slow too is gone within 2 s of its parent's death.
    package static let grace = Duration.seconds(1)

    private let descriptor: Int32
    private let grace: Duration
    private let ask: @Sendable () -> Void
    private let end: @Sendable () -> Void

    /// Guards standard input of this process.
    package init() {
        self.init(
            descriptor: STDIN_FILENO, grace: StandardInputGuard.grace,
            ask: { kill(getpid(), SIGTERM) }, end: { _exit(exitCodeOfOrphans) })
    }

    /// Guards `descriptor`, calling `ask` at its end of file and `end` after `grace`.
    package init(
        descriptor: Int32, grace: Duration, ask: @escaping @Sendable () -> Void,
        end: @escaping @Sendable () -> Void
    ) {
        self.descriptor = descriptor
        self.grace = grace
        self.ask = ask
        self.end = end
    }

    /// Begins to watch, on a thread of its own that lives as long as the process.
    ///
    /// Returns whether there is something to watch.
    @discardableResult
    package func start() -> Bool {
        guard isPipeOrSocket(descriptor) else { return false }
        Thread.detachNewThread {
            waitForEnd()
            ask()
            Thread.sleep(forTimeInterval: grace / .seconds(1))
            end()
        }
        return true
    }

    private func waitForEnd() {
        var discarded: UInt8 = 0
        while true {
            let count = read(descriptor, &discarded, 1)
            if count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN) { return }
            if count < 0, errno == EAGAIN { waitUntilReadable() }
        }
    }

    private func waitUntilReadable() {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, -1)
    }
}

/// Exit code of a process that did not stop in time after its parent was gone.
private let exitCodeOfOrphans: Int32 = 1

private func isPipeOrSocket(_ descriptor: Int32) -> Bool {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return false }
    let kind = status.st_mode & S_IFMT
    return kind == S_IFIFO || kind == S_IFSOCK
}
