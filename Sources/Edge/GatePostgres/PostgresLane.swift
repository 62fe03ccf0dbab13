import Foundation
import Logging

/// A thread's connection: made when it is needed, made again when it is lost.
final class PostgresLane {
    private let target: PostgresTarget
    private let logger: Logger
    private var connection: PostgresConnection?
    private var backoff = PostgresBackoff()

    /// How often a transaction that lost against others is run.
    static let attemptsMax = 10

    init(target: PostgresTarget, logger: Logger) {
        self.target = target
        self.logger = logger
    }

    /// A connection that works, as far as known; tries until the deadline.
    func connected(by deadline: PostgresDeadline) throws(PostgresFailure) -> PostgresConnection {
        if let connection, !connection.isBroken { return connection }
        connection = nil
        while true {
            do throws(PostgresFailure) {
                let fresh = try PostgresConnection(to: target, by: deadline)
                backoff.reset()
                connection = fresh
                return fresh
            } catch {
                if case .target = error { throw error }
                let pause = backoff.next()
                guard deadline.leaves(pause) else {
                    logger.warning("No connection to the database", metadata: ["reason": "\(error)"])
                    throw error
                }
                PostgresLane.sleep(pause)
            }
        }
    }

    /// Runs one statement that changes nothing, or once more where it may be: again after a lost connection.
    func read(
        _ sql: String, _ parameters: [PostgresValue], by deadline: PostgresDeadline
    ) throws(PostgresFailure) -> PostgresRows {
        var attempt = 0
        while true {
            attempt += 1
            do throws(PostgresFailure) {
                return try connected(by: deadline).execute(sql, parameters, by: deadline)
            } catch {
                guard error.isRetriable, attempt < PostgresLane.attemptsMax, !deadline.isOver else { throw error }
                PostgresLane.pause(attempt)
            }
        }
    }

    /// Runs a transaction; again from its begin where it is sure that nothing of it happened.
    ///
    /// A connection that is lost while the commit is under way leaves it open whether that happened: thrown, never
    /// run again, and never told as done.
    func transaction<Value>(
        _ begin: String = "BEGIN", attempts: Int = PostgresLane.attemptsMax, by deadline: PostgresDeadline,
        _ body: (PostgresTransaction) throws -> Value
    ) throws -> Value {
        var attempt = 0
        while true {
            attempt += 1
            let connection = try connected(by: deadline)
            var isCommitting = false
            do {
                _ = try connection.execute(begin, [], by: deadline)
                let value = try body(PostgresTransaction(connection: connection, deadline: deadline))
                isCommitting = true
                // A transaction in which something failed is "committed" with the tag ROLLBACK.
                guard try connection.execute("COMMIT", [], by: deadline).tag == "COMMIT" else {
                    throw PostgresFailure.refused(code: "40000")
                }
                return value
            } catch {
                if !connection.isBroken, (try? connection.execute("ROLLBACK", [], by: deadline)) == nil {
                    self.connection = nil
                }
                guard let failure = error as? PostgresFailure, failure.isRetriable, attempt < attempts,
                    !deadline.isOver, !isCommitting || failure.isRolledBack
                else { throw error }
                PostgresLane.pause(attempt)
            }
        }
    }

    private static func pause(_ attempt: Int) { sleep(.milliseconds(Int.random(in: 1...8 * attempt))) }

    private static func sleep(_ duration: Duration) {
        usleep(UInt32(duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000))
    }
}

extension PostgresFailure {
    /// Whether the server said itself that the transaction is undone.
    fileprivate var isRolledBack: Bool {
        guard case .refused(let code) = self else { return false }
        return code.hasPrefix("40") || code.hasPrefix("23")
    }
}

/// A transaction that is open: what a store's write runs its statements with.
struct PostgresTransaction {
    fileprivate let connection: PostgresConnection
    fileprivate let deadline: PostgresDeadline

    /// Runs one statement.
    @discardableResult
    func execute(_ sql: String, _ parameters: [PostgresValue] = []) throws(PostgresFailure) -> PostgresRows {
        try connection.execute(sql, parameters, by: deadline)
    }

    /// Runs one statement for each list of parameters, in one go; how many rows each wrote.
    @discardableResult
    func executeAll(_ sql: String, _ lists: [[PostgresValue]]) throws(PostgresFailure) -> [Int] {
        try connection.executeAll(sql, lists, by: deadline)
    }

    /// Lets the transaction's statements take as long as they need, and wait for locks longer; the deadline stays.
    func takeTime() throws(PostgresFailure) {
        try execute("SET LOCAL statement_timeout TO 0")
        try execute("SET LOCAL lock_timeout TO '60s'")
    }

    /// Runs a script without parameters.
    func run(script: String) throws(PostgresFailure) { try connection.run(script: script, by: deadline) }
}
