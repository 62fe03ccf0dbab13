import Foundation
import GateModel
import GateStore
import GateTestKit
import Testing

@testable import GatePostgres

let registration = WorkerRegistration(name: "kernel-1", linkAddress: "127.0.0.1:1", adminAddress: "")

func node(_ number: UInt64) -> NodeUUID { NodeUUID(UUIDBytes(high: number, low: 1)) }

/// An empty database on the shared server.
struct Database: Sendable {
    let cluster: PostgresCluster
    let name: String

    init(on cluster: PostgresCluster? = nil) throws {
        self.cluster = try cluster ?? .shared()
        name = try self.cluster.makeDatabase()
    }

    func target(overNetwork: Bool = false) throws -> PostgresTarget {
        try PostgresTarget(url: overNetwork ? cluster.networkURL(name) : cluster.url(name))
    }

    /// A connection beside the store's.
    func connection() throws -> PostgresConnection { try PostgresConnection(to: target(), by: .after(.seconds(10))) }

    func sql(_ text: String) throws -> String { try cluster.sql("SET search_path TO quantumgate; \(text)", in: name) }
}

/// A store in a database of its own, followed while `body` runs, closed afterwards.
func withStore(
    on database: Database? = nil, size: PostgresStore.Size = PostgresStore.Size(lanes: 2, readers: 1),
    clock: StoreClock? = nil, _ body: (PostgresStore, Database) async throws -> Void
) async throws {
    let database = try database ?? Database()
    let store = try await PostgresStore.open(database.target(), size: size, clock: clock)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { await store.run() }
        do {
            try await body(store, database)
            await store.close()
        } catch {
            await store.close()
            throw error
        }
    }
}

extension PostgresConnection {
    @discardableResult
    func run(_ sql: String) throws -> PostgresRows { try execute(sql, [], by: .after(.seconds(10))) }
}

/// Asks until the answer is yes or time is up.
func eventually(within duration: Duration, _ isSo: () async throws -> Bool) async rethrows -> Bool {
    let end = ContinuousClock.now + duration
    while try await !isSo() {
        guard ContinuousClock.now < end else { return false }
        try? await Task.sleep(for: .milliseconds(20))
    }
    return true
}

extension Trait where Self == ConditionTrait {
    /// Skips where PostgreSQL is missing, and says what brings it; with `CI=true` the test fails instead.
    static var needsPostgreSQL: Self {
        .enabled(if: PostgresCluster.isExpected, "sudo apt-get install -y postgresql")
    }
}
