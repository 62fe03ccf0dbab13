import GateModel
import GateStore
import GateTestKit
import Testing

@testable import GatePostgres

@Suite(.serialized, .needsPostgreSQL, .timeLimit(.minutes(3)))
struct ThePostgresStore {
    @Test(arguments: StoreContract.cases)
    func `keeps the contract`(promise: StoreContract.Case) async throws {
        let clock = ManualStoreClock()
        try await withStore(clock: clock.read) { store, _ in
            try await promise.check(StoreContract.Subject(store: store, clock: clock))
        }
    }

    @Test func `keeps sealed rows`() async throws {
        try await withStore { store, _ in try await StoreContract.checkVault(store) }
    }

    @Test func `gives sessions to other workers`() async throws {
        let clock = ManualStoreClock()
        try await withStore(clock: clock.read) { store, _ in try await StoreContract.checkTakeover(store, clock) }
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func `takes nothing from superseded epochs`(seed: UInt64) async throws {
        let clock = ManualStoreClock()
        try await withStore(clock: clock.read) { store, _ in
            try await StoreContract.checkHistory(store, clock, seed: seed)
        }
    }

    @Test func `what was written is there for the next one that opens it`() async throws {
        let database = try Database()
        try await withStore(on: database) { store, _ in
            _ = try await store.set("relay.hops", to: "5", by: "a", expecting: nil)
            _ = try await store.registerWorker(registration, lease: .seconds(30))
        }
        try await withStore(on: database) { store, _ in
            let values = try await store.values()
            #expect(values[NodeSettings.relayHops] == 5)
            #expect(try await store.workers().map(\.registration) == [registration])
        }
    }

    @Test func `leases run on the server's clock`() async throws {
        try await withStore { store, database in
            let row = try await store.registerWorker(registration, lease: .seconds(30))
            #expect(row.leaseLeft == .seconds(30) || row.leaseLeft < .seconds(30))
            let left = try database.sql("SELECT lease_ends - extract(epoch FROM now()) * 1000 > 29000 FROM worker")
            #expect(left == "t")
            _ = try database.sql("UPDATE worker SET lease_ends = extract(epoch FROM clock_timestamp()) * 1000")
            await #expect(throws: StoreFailure.leaseLost) {
                _ = try await store.renewWorker(
                    "kernel-1", epoch: row.epoch, load: WorkerLoad(), lease: .seconds(30))
            }
        }
    }

    @Test func `two that open an empty database at once both come up, on one schema`() async throws {
        for _ in 1...5 {
            let database = try Database()
            let target = try database.target()
            let stores = try await withThrowingTaskGroup(of: PostgresStore.self) { group in
                for _ in 1...4 { group.addTask { try await PostgresStore.open(target) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(try database.sql("SELECT count(*) FROM schema_version") == "\(PostgresSchema.version)")
            _ = try await stores[0].set("relay.hops", to: "5", by: "a", expecting: 0)
            #expect(try await stores[1].values()[NodeSettings.relayHops] == 5)
            for store in stores { await store.close() }
        }
    }

    @Test func `a schema of a newer version is refused`() async throws {
        let database = try Database()
        try await withStore(on: database) { _, _ in }
        _ = try database.sql("INSERT INTO schema_version (version) VALUES (99)")
        await #expect(throws: PostgresFailure.store(.newerSchema)) {
            _ = try await PostgresStore.open(database.target())
        }
    }

    @Test func `a database without a schema is not made by who only looks`() async throws {
        let database = try Database()
        await #expect(throws: PostgresFailure.store(.notFound)) {
            _ = try await PostgresStore.open(database.target(), migrates: false)
        }
        #expect(try database.cluster.sql("SELECT to_regclass('quantumgate.peer')", in: database.name) == "")
    }

    @Test func `writers of the same rows at once lose nothing`() async throws {
        try await withStore(size: PostgresStore.Size(lanes: 8)) { store, _ in
            let extender = ShippedExtender.socks5
            let written = await withTaskGroup(of: Int.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        var count = 0
                        for number in 0..<25 {
                            let key = [UInt8(number)]
                            let version = (try? await store.entry(key, of: extender))?.version ?? 0
                            let value = [UInt8(writer)]
                            let written = try? await store.compareAndSet(key, value, expecting: version, of: extender)
                            if written != nil { count += 1 }
                            _ = try? await store.editPeer(node(UInt64(number)), PeerEdit(note: "\(writer)"))
                        }
                        return count
                    }
                }
                return await group.reduce(0, +)
            }
            let usage = try await store.usage(of: extender)
            #expect(usage.keys == 25)
            #expect(written >= 25)
            #expect(try await store.peers(PeerFilter(), after: nil, limit: 100).count == 25)
        }
    }

    @Test func `two who set a setting at the same version: one wins, the other is told`() async throws {
        try await withStore(size: PostgresStore.Size(lanes: 4)) { store, _ in
            for version in 0..<20 as Range<Int64> {
                let wins = await withTaskGroup(of: Bool.self) { group in
                    for author in ["a", "b", "c"] {
                        group.addTask {
                            (try? await store.set("relay.hops", to: "3", by: author, expecting: version)) != nil
                        }
                    }
                    return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
                }
                #expect(wins == 1)
            }
        }
    }

    @Test func `a text with a zero byte is refused and changes nothing`() async throws {
        try await withStore { store, _ in
            await #expect(throws: StoreFailure.self) {
                _ = try await store.editPeer(node(1), PeerEdit(note: "a\0b"))
            }
            let peer = try await store.peer(node(1))
            #expect(peer == nil)
        }
    }
}
