import GateModel
import GateStore
import GateTestKit
import Testing

@testable import GatePostgres

@Suite struct TheChangeCursor {
    private func state(_ oldestOpen: UInt64, timeline: Int64 = 1, horizon: UInt64 = 0) -> ChangeLogState {
        ChangeLogState(
            timeline: timeline, oldestOpen: oldestOpen, horizon: ChangePosition(transaction: horizon, sequence: 0))
    }

    private func row(_ transaction: UInt64, _ sequence: Int64) -> LoggedChange {
        LoggedChange(
            position: ChangePosition(transaction: transaction, sequence: sequence),
            change: .changed(.settings, key: "\(transaction)"))
    }

    @Test func `tells a change at once and once, and one that commits late too`() {
        var cursor = ChangeCursor(at: state(10))
        // 10 is still open; 11 has committed.
        #expect(cursor.advance(to: state(10), [row(11, 2)]) == [.changed(.settings, key: "11")])
        #expect(cursor.advance(to: state(10), [row(11, 2)]) == [])
        #expect(cursor.position.transaction == 10)
        // 10 commits, with an older number.
        #expect(cursor.advance(to: state(12), [row(10, 1), row(11, 2)]) == [.changed(.settings, key: "10")])
        #expect(cursor.position.transaction == 12)
        #expect(cursor.advance(to: state(13), [row(12, 3)]) == [.changed(.settings, key: "12")])
    }

    @Test func `another server or a cut log means reading everything again`() {
        var cursor = ChangeCursor(at: state(10))
        #expect(cursor.advance(to: state(12, timeline: 2), [row(11, 1)]) == [.resynchronise])
        #expect(cursor.advance(to: state(12, timeline: 2), []) == [])
        #expect(cursor.advance(to: state(11, timeline: 2), []) == [.resynchronise])
        #expect(cursor.advance(to: state(30, timeline: 2, horizon: 20), [row(25, 1)]) == [.resynchronise])
        #expect(
            cursor.advance(to: state(31, timeline: 2, horizon: 20), [row(30, 1)]) == [.changed(.settings, key: "30")])
    }
}

@Suite(.serialized, .needsPostgreSQL, .timeLimit(.minutes(2)))
struct TheChangeLog {
    @Test func `a transaction that commits late is told, those around it at once`() async throws {
        try await withStore { store, database in
            var next = await store.changes(of: [.settings]).makeAsyncIterator()
            #expect(await next.next() == .resynchronise)
            let late = try database.connection()
            try late.run("BEGIN")
            try late.run("INSERT INTO change_log (topic, key) VALUES ('settings', 'late')")
            _ = try await store.set("relay.hops", to: "5", by: "a", expecting: nil)
            #expect(await next.next() == .changed(.settings, key: "relay.hops"))
            try late.run("SELECT pg_notify('quantumgate', '')")
            try late.run("COMMIT")
            #expect(await next.next() == .changed(.settings, key: "late"))
            _ = try await store.set("relay.hops", to: "4", by: "a", expecting: nil)
            #expect(await next.next() == .changed(.settings, key: "relay.hops"))
        }
    }

    @Test func `another service's writes are told within a second`() async throws {
        let database = try Database()
        try await withStore(on: database) { mine, _ in
            try await withStore(on: database) { other, _ in
                var next = await mine.changes(of: [.peers]).makeAsyncIterator()
                #expect(await next.next() == .resynchronise)
                // The listener connects in its own time; until then the five seconds' look finds it.
                _ = try await other.editPeer(node(1), PeerEdit(access: .denied))
                #expect(await next.next() == .changed(.peers, key: node(1).description))
                let start = ContinuousClock.now
                _ = try await other.editPeer(node(2), PeerEdit(access: .denied))
                #expect(await next.next() == .changed(.peers, key: node(2).description))
                #expect(ContinuousClock.now - start < .seconds(1))
            }
        }
    }

    @Test func `a killed listening connection loses nothing`() async throws {
        try await withStore { store, database in
            var next = await store.changes(of: [.peers]).makeAsyncIterator()
            #expect(await next.next() == .resynchronise)
            let kill =
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
                + " AND datname = current_database()"
            #expect(try await eventually(within: .seconds(5)) { try database.sql(kill) == "1" })
            _ = try await store.editPeer(node(1), PeerEdit(access: .denied))
            #expect(await next.next() == .changed(.peers, key: node(1).description))
        }
    }

    @Test func `who falls behind the log is told to read everything again`() async throws {
        let database = try Database()
        let store = try await PostgresStore.open(database.target())
        var next = await store.changes(of: [.peers]).makeAsyncIterator()
        #expect(await next.next() == .resynchronise)
        _ = try database.sql(
            "INSERT INTO change_log (topic, key) SELECT 'peers', n::text FROM generate_series(1, 10100) AS n")
        _ = try database.sql("INSERT INTO change_log (topic, key) VALUES ('settings', 'x')")
        await store.follow()
        #expect(await next.next() == .resynchronise)
        #expect(try database.sql("SELECT count(*) FROM change_log") == "\(StoreLimit.changeLogRows)")
        _ = try await store.editPeer(node(1), PeerEdit(access: .denied))
        await store.follow()
        #expect(await next.next() == .changed(.peers, key: node(1).description))
        await store.close()
    }

    @Test func `a dump from another server empties the log and raises the generation`() async throws {
        let database = try Database()
        var before: WorkerEpoch?
        try await withStore(on: database) { store, _ in
            before = try await store.registerWorker(registration, lease: .seconds(30)).epoch
        }
        _ = try database.sql("INSERT INTO change_log (xid, topic, key) VALUES ('9999999999', 'peers', 'x')")
        try await withStore(on: database) { store, _ in
            let after = try await store.registerWorker(registration, lease: .seconds(30)).epoch
            #expect(after.generation == (before?.generation ?? 0) + 1)
            var next = await store.changes(of: [.peers]).makeAsyncIterator()
            #expect(await next.next() == .resynchronise)
            _ = try await store.editPeer(node(1), PeerEdit(access: .denied))
            #expect(await next.next() == .changed(.peers, key: node(1).description))
        }
    }
}
