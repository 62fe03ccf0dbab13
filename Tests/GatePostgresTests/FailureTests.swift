import Foundation
import GateModel
import GateStore
import GateTestKit
import Testing

@testable import GatePostgres

@Suite(.serialized, .needsPostgreSQL, .timeLimit(.minutes(3)))
struct PostgreSQLThatGoesAway {
    @Test(arguments: ["fast", "immediate"])
    func `restarted under load loses no write that returned, and calls work again`(mode: String) async throws {
        var setup = PostgresCluster.Setup()
        setup.isDurable = true
        let cluster = try PostgresCluster(setup)
        defer { cluster.remove() }
        try await withStore(on: Database(on: cluster), size: PostgresStore.Size(lanes: 4)) { store, _ in
            let acknowledged = try await withThrowingTaskGroup(of: Set<UInt64>.self) { group in
                for writer in 0..<8 as Range<UInt64> {
                    group.addTask {
                        var done: Set<UInt64> = []
                        let end = ContinuousClock.now + .seconds(8)
                        var number = writer << 32
                        while ContinuousClock.now < end {
                            number += 1
                            let edit = PeerEdit(access: .allowed, note: "\(number)")
                            if (try? await store.editPeer(node(number), edit)) != nil { done.insert(number) }
                            _ = try? await store.peer(node(number))
                        }
                        return done
                    }
                }
                try await Task.sleep(for: .seconds(2))
                try cluster.restart(mode)
                return try await group.reduce(into: Set()) { $0.formUnion($1) }
            }
            #expect(acknowledged.count > 100)
            for number in acknowledged {
                let row = try await store.peer(node(number))
                #expect(row?.note == "\(number)")
            }
            _ = try await store.set("relay.hops", to: "5", by: "a", expecting: 0)
        }
    }

    @Test func `away means unavailable within the time of a call, and back means back`() async throws {
        let cluster = try PostgresCluster()
        defer { cluster.remove() }
        try await withStore(on: Database(on: cluster)) { store, _ in
            _ = try await store.editPeer(node(1), PeerEdit(access: .allowed))
            try cluster.stop()
            let start = ContinuousClock.now
            await #expect(throws: StoreFailure.unavailable) { _ = try await store.peer(node(1)) }
            await #expect(throws: StoreFailure.unavailable) {
                _ = try await store.editPeer(node(2), PeerEdit(access: .allowed))
            }
            #expect(ContinuousClock.now - start < PostgresStore.callTimeout * 2 + .seconds(2))
            try cluster.start()
            #expect(await eventually(within: .seconds(10)) { (try? await store.peer(node(1))) != nil })
            _ = try await store.editPeer(node(2), PeerEdit(access: .allowed))
        }
    }

    @Test func `a promoted standby takes over: epochs grow, watchers read everything again`() async throws {
        let primary = try PostgresCluster()
        defer { primary.remove() }
        let database = try Database(on: primary)
        // The schema is there before the copy is taken.
        try await withStore(on: database) { _, _ in }
        let standby = try primary.standby()
        defer { standby.remove() }
        let target = try PostgresTarget(
            url: "postgresql://gate@127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)/\(database.name)")
        let store = try await PostgresStore.open(target)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await store.run() }
            var next = await store.changes(of: [.peers]).makeAsyncIterator()
            #expect(await next.next() == .resynchronise)
            let before = try await store.registerWorker(registration, lease: .seconds(300))
            _ = try await store.editPeer(node(1), PeerEdit(access: .denied))
            #expect(await next.next() == .changed(.peers, key: node(1).description))
            let isThere = try await eventually(within: .seconds(10)) {
                try standby.sql("SELECT count(*) FROM quantumgate.peer", in: database.name) == "1"
            }
            #expect(isThere)
            try primary.stop("immediate")
            try standby.promote()
            #expect(await next.next() == .resynchronise)
            let row = try await store.peer(node(1))
            #expect(row?.access == .denied)
            let after = try await store.registerWorker(registration, lease: .seconds(300))
            #expect(after.epoch.timeline == before.epoch.timeline + 1)
            #expect(after.epoch > before.epoch)
            _ = try await store.editPeer(node(2), PeerEdit(access: .denied))
            #expect(await next.next() == .changed(.peers, key: node(2).description))
            await store.close()
        }
    }
}

@Suite(.serialized, .needsPostgreSQL, .timeLimit(.minutes(2)))
struct ThePool {
    @Test func `a call that waits for a lock for too long is unavailable and changes nothing`() async throws {
        try await withStore { store, database in
            _ = try await store.editPeer(node(1), PeerEdit(note: "before"))
            let other = try database.connection()
            try other.run("BEGIN")
            try other.run("SELECT node FROM peer FOR UPDATE")
            let start = ContinuousClock.now
            await #expect(throws: StoreFailure.unavailable) {
                _ = try await store.editPeer(node(1), PeerEdit(note: "after"))
            }
            #expect(ContinuousClock.now - start < PostgresStore.callTimeout + .seconds(2))
            try other.run("ROLLBACK")
            let row = try await store.peer(node(1))
            #expect(row?.note == "before")
        }
    }

    @Test func `more calls than may wait are refused at once`() async throws {
        try await withStore(size: PostgresStore.Size(lanes: 1, readers: 1)) { store, database in
            let other = try database.connection()
            try other.run("BEGIN")
            try other.run("LOCK TABLE peer IN ACCESS EXCLUSIVE MODE")
            let count = PostgresPool.queueMax + 50
            let refused = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<count {
                    group.addTask { (try? await store.editPeer(node(UInt64(number)), PeerEdit())) == nil }
                }
                try? await Task.sleep(for: .seconds(1))
                _ = try? other.run("ROLLBACK")
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(refused >= 49)
            let row = try await store.peers(PeerFilter(), after: nil, limit: 1)
            #expect(row.count <= 1)
        }
    }

    @Test func `many point queries at once are all answered, a failing one among them alone fails`() async throws {
        try await withStore { store, _ in
            for number in 1...50 as ClosedRange<UInt64> {
                _ = try await store.editPeer(node(number), PeerEdit(note: "\(number)"))
            }
            let right = await withTaskGroup(of: Bool.self) { group in
                for round in 0..<2000 as Range<UInt64> {
                    let number = round % 50 + 1
                    group.addTask {
                        if round % 100 == 0 { return (try? await store.find("SELECT 1 / 0::bigint")) == nil }
                        return (try? await store.peer(node(number)))??.note == "\(number)"
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(right == 2000)
        }
    }

    @Test func `closed stores answer nothing and close twice`() async throws {
        let store = try await PostgresStore.open(Database().target())
        await store.close()
        await store.close()
        await #expect(throws: StoreFailure.unavailable) { try await store.probe() }
        await #expect(throws: StoreFailure.unavailable) { _ = try await store.settings() }
    }
}
