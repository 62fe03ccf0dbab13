import Foundation
import GRDB
import GateModel
import GateSQLite
import GateStore
import GateTestKit
import Testing

@Suite struct TheSQLiteStore {
    @Test(arguments: StoreContract.cases)
    func `keeps the contract`(promise: StoreContract.Case) async throws {
        try await withStore { store, clock in
            try await promise.check(StoreContract.Subject(store: store, clock: clock))
        }
    }

    @Test func `keeps sealed rows`() async throws {
        try await withStore { store, _ in try await StoreContract.checkVault(store) }
    }

    @Test func `gives sessions to other workers`() async throws {
        try await withStore { store, clock in try await StoreContract.checkTakeover(store, clock) }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `takes nothing from superseded epochs`(seed: UInt64) async throws {
        try await withStore { store, clock in try await StoreContract.checkHistory(store, clock, seed: seed) }
    }

    @Test func `what was written is there after a restart`() async throws {
        try await withFolder { folder in
            let first = try SQLiteStore(path: folder.file)
            _ = try await first.set("relay.hops", to: "5", by: "a", expecting: nil)
            let worker = try await first.registerWorker(registration, lease: .seconds(30))
            await first.close()

            let second = try SQLiteStore(path: folder.file)
            #expect(try await second.values()[NodeSettings.relayHops] == 5)
            let again = try await second.registerWorker(registration, lease: .seconds(30))
            #expect(again.epoch > worker.epoch)
            #expect(again.id == worker.id)
        }
    }

    @Test func `a copy of the files at any moment of writing opens with every returned write and whole transactions`()
        async throws
    {
        try await withFolder { folder in
            let store = try SQLiteStore(path: folder.file)
            let extender = ShippedExtender.socks5
            for round in 1...40 as ClosedRange<UInt8> {
                async let busy = store.commit(
                    DataTransaction(changes: (1...50).map { .put(key: [$0], value: [round]) }), of: extender)
                // The files as a killed process leaves them, a write under way; the log is copied last, as SQLite
                // writes it first.
                let copy = folder.url.appending(path: "copy-\(round).sqlite").path
                try FileManager.default.copyItem(atPath: folder.file, toPath: copy)
                try FileManager.default.copyItem(atPath: folder.file + "-wal", toPath: copy + "-wal")
                let revived = try SQLiteStore(path: copy)
                try await revived.checkIntegrity()
                let values = try await revived.entries(prefix: [], after: nil, limit: 100, of: extender).map(\.value)
                #expect(Set(values).count <= 1, "a transaction is there as a whole or not at all")
                #expect((values.first?.first ?? 0) >= round - 1, "what was returned from is there")
                _ = try await busy
                await revived.close()
            }
        }
    }

    @Test func `only its owner can read the file and its companions`() async throws {
        try await withFolder { folder in
            let store = try SQLiteStore(path: folder.file)
            _ = try await store.set("relay.hops", to: "5", by: "a", expecting: nil)
            for name in try FileManager.default.contentsOfDirectory(atPath: folder.url.path) {
                let attributes = try FileManager.default.attributesOfItem(
                    atPath: folder.url.appending(path: name).path)
                #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
            }
        }
    }

    @Test func `a file that is no database is refused as damaged`() async throws {
        try await withFolder { folder in
            try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: folder.file))
            #expect(throws: StoreFailure.damaged("the file is no sound SQLite database")) {
                _ = try SQLiteStore(path: folder.file)
            }
        }
    }

    @Test func `a missing folder is unavailable`() {
        #expect(throws: StoreFailure.unavailable) { _ = try SQLiteStore(path: "/no/such/folder/node.sqlite") }
    }

    @Test func `a file of a newer version is refused`() async throws {
        try await withFolder { folder in
            await (try SQLiteStore(path: folder.file)).close()
            try await DatabaseQueue(path: folder.file).write { db in
                try db.execute(sql: "INSERT INTO grdb_migrations (identifier) VALUES ('99 future')")
            }
            #expect(throws: StoreFailure.newerSchema) { _ = try SQLiteStore(path: folder.file) }
        }
    }

    @Test func `another process's writes are told to watchers`() async throws {
        try await withFolder { folder in
            let mine = try SQLiteStore(path: folder.file)
            let other = try SQLiteStore(path: folder.file)
            var next = await mine.changes(of: [.settings]).makeAsyncIterator()
            #expect(await next.next() == .resynchronise)
            _ = try await other.set("relay.hops", to: "5", by: "a", expecting: nil)
            await mine.follow()
            #expect(await next.next() == .changed(.settings, key: "relay.hops"))
            #expect(try await mine.values()[NodeSettings.relayHops] == 5)
        }
    }

    @Test func `a backup has everything and opens`() async throws {
        try await withFolder { folder in
            let store = try SQLiteStore(path: folder.file)
            _ = try await store.set("relay.hops", to: "5", by: "a", expecting: nil)
            let path = folder.url.appending(path: "backup.sqlite").path
            try await store.backup(to: path)
            let copy = try SQLiteStore(path: path)
            #expect(try await copy.values()[NodeSettings.relayHops] == 5)
        }
    }

    @Test func `a closed store's watches end`() async throws {
        try await withFolder { folder in
            let store = try SQLiteStore(path: folder.file)
            var next = await store.changes(of: [.settings]).makeAsyncIterator()
            await store.close()
            #expect(await next.next() == .resynchronise)
            #expect(await next.next() == nil)
        }
    }
}

private let registration = WorkerRegistration(name: "kernel-1", linkAddress: "127.0.0.1:1", adminAddress: "")

private struct Folder {
    let url: URL
    var file: String { url.appending(path: "node.sqlite").path }
}

private func withFolder(_ body: (Folder) async throws -> Void) async throws {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    try await body(Folder(url: url))
}

private func withStore(_ body: (SQLiteStore, ManualStoreClock) async throws -> Void) async throws {
    try await withFolder { folder in
        let clock = ManualStoreClock()
        let store = try SQLiteStore(path: folder.file, clock: clock.read)
        try await body(store, clock)
        await store.close()
    }
}
