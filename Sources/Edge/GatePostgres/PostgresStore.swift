import Foundation
import GateModel
package import GateStore
package import Logging
import Synchronization

/// A node's whole store in PostgreSQL, shared by any number of database services.
///
/// A write is one transaction; what a call returned from is committed. Reads and writes run on threads of their own:
/// point queries on pipelined connections, the rest on a small pool. A call that finds no server, no free connection or
/// no answer within `callTimeout` throws `.unavailable`, as does a write whose commit was under way when its connection
/// broke: nothing is known about it. Watches follow the change log in `run()` (see `ChangeCursor`).
package final class PostgresStore: Sendable {
    /// How many connections each part has.
    package struct Size: Sendable {
        /// Connections for writes and listings.
        package var lanes = 4
        /// Connections for point queries.
        package var readers = 2

        package init(lanes: Int = 4, readers: Int = 2) {
            self.lanes = max(lanes, 1)
            self.readers = max(readers, 1)
        }
    }

    let pool: PostgresPool
    private let readers: [PostgresReader]
    private let listener: PostgresListener
    let hub = ChangeHub()
    private let cursor: Mutex<ChangeCursor>
    private let nextCut = Mutex(PostgresDeadline.after(.zero))
    private let isFollowing = Atomic(false)
    private let nextReader = Atomic(0)
    /// The clock of tests in place of the server's.
    let clock: StoreClock?

    /// How long a call may take, waiting included.
    package static let callTimeout = Duration.seconds(5)
    /// How long opening waits for a server.
    package static let openTimeout = Duration.seconds(15)
    /// How long bringing the tables up to date may take, waiting for another service that does so included.
    static let migrationTimeout = Duration.seconds(600)
    /// How long a whole backup or restore may take.
    static let transferTimeout = Duration.seconds(4 * 3600)

    private init(
        pool: PostgresPool, readers: [PostgresReader], listener: PostgresListener, cursor: ChangeCursor,
        clock: StoreClock?
    ) {
        self.pool = pool
        self.readers = readers
        self.listener = listener
        self.cursor = Mutex(cursor)
        self.clock = clock
    }

    /// Connects and brings the schema up to date, waiting for a server for `openTimeout`.
    ///
    /// - Parameters:
    ///   - migrates: whether an empty or older schema is brought up to date; else `.store(.notFound)`.
    ///   - clock: moves leases in tests; elsewhere the server's clock does.
    package static func open(
        _ target: PostgresTarget, size: Size = Size(), migrates: Bool = true, clock: StoreClock? = nil,
        logger: Logger = Logger(label: "database")
    ) async throws(PostgresFailure) -> PostgresStore {
        let pool = PostgresPool(target: target, laneCount: size.lanes, logger: logger)
        let cursor = await pool.perform(within: migrationTimeout) { lane, deadline in
            _ = try lane.connected(by: .after(openTimeout))
            return try prepare(lane, deadline, migrates: migrates)
        }
        let readers = (0..<size.readers).compactMap { _ in PostgresReader(target: target, logger: logger) }
        let listener = PostgresListener(target: target, logger: logger)
        do {
            let cursor = try cursor.get()
            guard readers.count == size.readers, let listener else { throw StoreFailure.unavailable }
            return PostgresStore(pool: pool, readers: readers, listener: listener, cursor: cursor, clock: clock)
        } catch {
            await listener?.close()
            for reader in readers { await reader.close() }
            await pool.close()
            throw error as? PostgresFailure ?? .store(storeFailure(of: error))
        }
    }

    /// Brings the tables up to date or looks whether they are, and finds where the change log stands.
    private static func prepare(
        _ lane: PostgresLane, _ deadline: PostgresDeadline, migrates: Bool
    ) throws -> ChangeCursor {
        try lane.transaction(by: deadline) { transaction in
            if migrates {
                try PostgresSchema.migrate(in: transaction)
                try ChangeCursor.forgetOtherServers(in: transaction)
            } else {
                let version = try PostgresSchema.currentVersion(in: transaction)
                guard version <= PostgresSchema.version else { throw StoreFailure.newerSchema }
                guard version == PostgresSchema.version else { throw StoreFailure.notFound }
            }
        }
        return ChangeCursor(at: try ChangeLogState(by: lane, deadline))
    }

    /// Follows the change log and tells watchers, until cancelled or closed.
    package func run() async {
        for await _ in listener.hints { await follow() }
    }

    /// Tells watchers what was committed since the last time; nothing where that is under way already.
    package func follow() async {
        guard !isFollowing.exchange(true, ordering: .acquiring) else { return }
        defer { isFollowing.store(false, ordering: .releasing) }
        let cursor = self.cursor.withLock { $0 }
        let mustCut = nextCut.withLock { moment in
            guard moment.isOver else { return false }
            moment = .after(PostgresListener.interval)
            return true
        }
        let found = await pool.perform(within: PostgresStore.callTimeout) { lane, deadline in
            var cursor = cursor
            let changes = try cursor.advance(by: lane, deadline)
            if mustCut { try ChangeCursor.cut(by: lane, deadline) }
            return (cursor, changes)
        }
        guard case .success(let (next, changes)) = found else { return }
        self.cursor.withLock { $0 = next }
        await hub.publish(changes)
    }

    /// Ends every watch and closes all connections; nothing may be asked afterwards. Closing twice does no harm.
    package func close() async {
        await hub.close()
        await listener.close()
        for reader in readers { await reader.close() }
        await pool.close()
    }

    /// Throws where no query is answered.
    package func probe() async throws(StoreFailure) { _ = try await find("SELECT 1::bigint") }

    /// One row, or a few, by a key: pipelined with everybody else's.
    func find(_ sql: String, _ parameters: [PostgresValue] = []) async throws(StoreFailure) -> PostgresRows {
        let next = nextReader.wrappingAdd(1, ordering: .relaxed).newValue
        return try await readers[Int(UInt(bitPattern: next) % UInt(readers.count))]
            .read(sql, parameters, within: PostgresStore.callTimeout)
    }

    /// A listing.
    func list<Value: Sendable>(
        _ sql: String, _ parameters: [PostgresValue] = [],
        _ read: @escaping @Sendable (inout PostgresRow) throws -> Value
    ) async throws(StoreFailure) -> [Value] {
        let result = await pool.perform(within: PostgresStore.callTimeout) { lane, deadline in
            try lane.read(sql, parameters, by: deadline).map(read)
        }
        do { return try result.get() } catch { throw storeFailure(of: error) }
    }

    /// Several statements that see one moment and change nothing.
    func consult<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresTransaction) throws -> Value
    ) async throws(StoreFailure) -> Value {
        let result = await pool.perform(within: PostgresStore.callTimeout) { lane, deadline in
            try lane.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", by: deadline, body)
        }
        do { return try result.get() } catch { throw storeFailure(of: error) }
    }

    /// One transaction. The changes that `body` adds are logged in it; watchers are told of them once it is committed.
    ///
    /// `body` runs again from its begin where the transaction lost against another one.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresTransaction, inout [StoreChange]) throws -> Value
    ) async throws(StoreFailure) -> Value {
        let result = await pool.perform(within: PostgresStore.callTimeout) { lane, deadline in
            try lane.transaction(by: deadline) { transaction in
                var changes: [StoreChange] = []
                let value = try body(transaction, &changes)
                try log(changes, in: transaction)
                return value
            }
        }
        do { return try result.get() } catch { throw storeFailure(of: error) }
    }

    /// The present of tests; null lets the server's clock decide.
    var now: PostgresValue { .integer(clock?()) }
}

extension PostgresStore: ChangeFeed {
    package func changes(of topics: Set<StoreTopic>) async -> AsyncStream<StoreChange> { await hub.watch(topics) }
}

/// The present in milliseconds since 1970: the given parameter, which only tests set, else the server's clock.
func present(_ parameter: String) -> String {
    "COALESCE(\(parameter)::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint)"
}

private func log(_ changes: [StoreChange], in transaction: PostgresTransaction) throws {
    guard !changes.isEmpty else { return }
    let rows = changes.compactMap { change -> [PostgresValue]? in
        guard case .changed(let topic, let key) = change else { return nil }
        return [.text(topic.logText), .text(key)]
    }
    try transaction.executeAll("INSERT INTO change_log (topic, key) VALUES ($1, $2)", rows)
    try transaction.execute("SELECT pg_notify('\(PostgresListener.channel)', '')::text")
}
