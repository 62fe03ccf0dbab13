import Foundation
import GRDB
import GateModel
package import GateStore
import Synchronization

/// A node's whole store in one SQLite file.
///
/// Write-ahead log with `synchronous=FULL`: what a call returned from survives power loss and `kill -9` at any moment.
/// One writer at a time, readers beside it; all on GRDB's own queues, never on the caller's thread. The file, readable
/// by its owner only, may be open in several processes: each follows the change log of the others in `run()`.
package final class SQLiteStore: Sendable {
    let pool: DatabasePool
    let hub = ChangeHub()
    let clock: StoreClock
    /// Tells this store's rows of the change log from those of other processes.
    private let origin = Int64.random(in: 1...Int64.max)
    private let followed: Mutex<Int64>
    private let isInspected: Bool
    private let isClosed = Atomic(false)

    /// How often other processes' changes are looked for.
    package static let followInterval = Duration.seconds(5)

    /// Opens or creates the file at `path` and brings its schema up to date.
    ///
    /// Blocks while it does: call it at start, before anything is served.
    package init(path: String, clock: @escaping StoreClock = SQLiteStore.systemClock) throws(StoreFailure) {
        self.clock = clock
        isInspected = false
        do {
            try SQLiteStore.createPrivately(path)
            pool = try DatabasePool(path: path, configuration: SQLiteStore.configuration())
            let schema = SQLiteSchema.migrator()
            if try pool.read({ try schema.hasBeenSuperseded($0) }) { throw StoreFailure.newerSchema }
            try schema.migrate(pool)
            followed = Mutex(try pool.read { try Int64.fetchOne($0, sql: newestChange) } ?? 0)
        } catch {
            throw storeFailure(of: error)
        }
    }

    /// Opens a file that is there to look at it: its schema stays as it is. Blocks for a moment.
    package init(inspecting path: String) throws(StoreFailure) {
        clock = SQLiteStore.systemClock
        followed = Mutex(0)
        isInspected = true
        do {
            guard access(path, R_OK | W_OK) == 0 else { throw StoreFailure.unavailable }
            pool = try DatabasePool(path: path, configuration: SQLiteStore.configuration())
        } catch {
            throw storeFailure(of: error)
        }
    }

    /// This machine's calendar clock.
    package static let systemClock: StoreClock = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Follows what other processes write to the same file until cancelled.
    package func run() async {
        while !Task.isCancelled {
            await follow()
            do { try await Task.sleep(for: SQLiteStore.followInterval) } catch { return }
        }
    }

    /// Tells watchers what other processes wrote since the last time.
    package func follow() async {
        let since = followed.withLock { $0 }
        let origin = origin
        let found = try? await pool.read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT topic, key, sequence FROM change_log WHERE sequence > ? AND origin <> ?",
                arguments: [since, origin])
            let newest = try Int64.fetchOne(db, sql: newestChange) ?? since
            let oldest = try Int64.fetchOne(db, sql: "SELECT min(sequence) FROM change_log") ?? since
            let changes = oldest > since + 1 ? [.resynchronise] : rows.compactMap(StoreChange.init(row:))
            return (changes, newest)
        }
        guard let (changes, newest) = found else { return }
        followed.withLock { $0 = max($0, newest) }
        await hub.publish(changes)
    }

    /// Ends every watch and closes the file; nothing may be asked afterwards. What the write-ahead log holds is brought
    /// into the file first, so that the file alone is the whole database, unless another process has it open.
    /// Closing twice does no harm.
    package func close() async {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        await hub.close()
        if !isInspected {
            // In a task of its own: whoever closes is often cancelled, and GRDB does nothing for a cancelled task.
            await Task { _ = try? await pool.writeWithoutTransaction { try $0.checkpoint(.truncate) } }.value
        }
        try? pool.close()
    }

    /// Throws where the file can't be queried.
    package func probe() async throws(StoreFailure) {
        _ = try await read { try Int64.fetchOne($0, sql: newestChange) }
    }

    /// Throws `.damaged` if the file's structure is not sound. Reads all of it.
    package func checkIntegrity() async throws(StoreFailure) {
        let verdict = try await read { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") }
        guard verdict == "ok" else { throw .damaged("the integrity check of SQLite failed") }
    }

    /// Copies the whole database to a new file, without stopping writers.
    package func backup(to path: String) async throws(StoreFailure) {
        do {
            try SQLiteStore.createPrivately(path)
            let copy = try DatabaseQueue(path: path)
            try pool.backup(to: copy)
            try copy.close()
        } catch {
            throw storeFailure(of: error)
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreFailure) -> Value {
        do { return try await pool.read(body) } catch { throw storeFailure(of: error) }
    }

    /// One transaction. The changes that `body` adds are logged in it and told to watchers once it is committed.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database, inout [StoreChange]) throws -> Value
    ) async throws(StoreFailure) -> Value {
        let origin = origin
        let (value, changes): (Value, [StoreChange])
        do {
            (value, changes) = try await pool.write { db in
                var changes: [StoreChange] = []
                let value = try body(db, &changes)
                try log(changes, by: origin, in: db)
                return (value, changes)
            }
        } catch {
            throw storeFailure(of: error)
        }
        await hub.publish(changes)
        return value
    }

    private static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        configuration.maximumReaderCount = 4
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON")
        }
        return configuration
    }

    /// Makes the file with its owner's rights only; SQLite gives its companions the same.
    private static func createPrivately(_ path: String) throws {
        let descriptor = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreFailure.unavailable }
        Foundation.close(descriptor)
    }
}

extension SQLiteStore: ChangeFeed {
    package func changes(of topics: Set<StoreTopic>) async -> AsyncStream<StoreChange> { await hub.watch(topics) }
}

private let newestChange = "SELECT max(sequence) FROM change_log"

private func log(_ changes: [StoreChange], by origin: Int64, in db: Database) throws {
    guard !changes.isEmpty else { return }
    for case .changed(let topic, let key) in changes {
        try db.execute(
            sql: "INSERT INTO change_log (origin, topic, key) VALUES (?, ?, ?)",
            arguments: [origin, topic.logText, key])
    }
    try db.execute(
        sql: "DELETE FROM change_log WHERE sequence <= (SELECT max(sequence) FROM change_log) - ?",
        arguments: [StoreLimit.changeLogRows])
}

/// What callers see of an error of GRDB; a store's own failures pass unchanged. Only result codes are told: SQLite's
/// messages may quote values.
func storeFailure(of error: any Error) -> StoreFailure {
    switch error {
    case let failure as StoreFailure: return failure
    case let error as DatabaseError:
        switch error.resultCode.primaryResultCode {
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: return .damaged("the file is no sound SQLite database")
        case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_FULL, .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY,
            .SQLITE_NOMEM, .SQLITE_INTERRUPT:
            return .unavailable
        default: return .damaged("SQLite reports result \(error.extendedResultCode.rawValue)")
        }
    default: return .unavailable
    }
}
