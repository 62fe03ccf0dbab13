import Foundation
import Logging
import Synchronization

/// Says when the change log should be read: after a notification, after every connect of its own, and every 5 s.
///
/// A connection of its own, which listens and does nothing else. What it says is a hint: nothing is lost while it is
/// not connected.
final class PostgresListener: Sendable {
    /// One element whenever the log should be read; what came while nobody looked counts once.
    let hints: AsyncStream<Void>

    private struct State {
        var isClosed = false
        var onEnd: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let bell: Doorbell
    private let hint: AsyncStream<Void>.Continuation
    private let logger: Logger

    /// How often the log is read without a notification.
    static let interval = Duration.seconds(5)
    static let channel = "quantumgate"

    /// `nil` where the process may open no more files.
    init?(target: PostgresTarget, logger: Logger) {
        guard let bell = Doorbell() else { return nil }
        self.bell = bell
        self.logger = logger
        (hints, hint) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let thread = Thread { [self] in
            listen(to: target)
            hint.finish()
            state.withLock { $0.onEnd }?.resume()
        }
        thread.name = "postgres-listener"
        thread.start()
    }

    /// Ends the hints, and returns once the connection is closed.
    func close() async {
        await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                guard !state.isClosed else { return false }
                (state.isClosed, state.onEnd) = (true, continuation)
                return true
            }
            if isFirst { bell.ring() } else { continuation.resume() }
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    private func listen(to target: PostgresTarget) {
        var backoff = PostgresBackoff()
        while !isClosed {
            do throws(PostgresFailure) {
                let connection = try PostgresConnection(to: target, by: .after(PostgresListener.interval))
                _ = try connection.execute(
                    "LISTEN \(PostgresListener.channel)", [], by: .after(PostgresListener.interval))
                backoff.reset()
                hint.yield()
                try hear(connection)
            } catch {
                guard !isClosed else { return }
                logger.notice("No notifications from the database", metadata: ["reason": "\(error)"])
            }
            hint.yield()
            rest(for: backoff.next())
        }
    }

    private func hear(_ connection: PostgresConnection) throws(PostgresFailure) {
        while !isClosed {
            let left = PostgresDeadline.after(PostgresListener.interval).millisecondsLeft
            var entries = [
                pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: connection.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let count = poll(&entries, 2, left)
            if entries[1].revents != 0 {
                try connection.consume()
                if connection.takeNotifications() { hint.yield() }
            }
            if count == 0 { hint.yield() }
        }
    }

    private func rest(for duration: Duration) {
        var entry = pollfd(fd: bell.descriptor, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, PostgresDeadline.after(duration).millisecondsLeft)
    }
}
