import GateModel
import GateStore

extension StoreContract {
    static let extender = ShippedExtender.socks5
    static let other = ExtenderID(UUIDBytes(high: 1, low: 1))

    static let data = [
        Case("data is read as it was written, apart for each extender") { subject in
            let version = try await subject.store.put([1], [2, 3], of: extender)
            let entry = try await subject.store.entry([1], of: extender)
            try expect(entry == DataEntry(key: [1], value: [2, 3], version: version), "read as written")
            try await expect(subject.store.entry([1], of: other) == nil, "not another's")
            try await subject.store.delete([1], of: other)
            try await subject.store.delete([1], of: extender)
            try await expect(subject.store.entry([1], of: extender) == nil, "deleted")
        },
        Case("compare-and-set sees every write in between, deletion and rebirth too") { subject in
            let first = try await subject.store.compareAndSet([1], [1], expecting: 0, of: extender)
            try await expect(.conflict) {
                _ = try await subject.store.compareAndSet([1], [2], expecting: 0, of: extender)
            }
            try await subject.store.delete([1], of: extender)
            let second = try await subject.store.put([1], [1], of: extender)
            try expect(second > first, "versions are never used again")
            try await expect(.conflict) {
                _ = try await subject.store.compareAndSet([1], [2], expecting: first, of: extender)
            }
            _ = try await subject.store.compareAndSet([1], [2], expecting: second, of: extender)
            try await expect(subject.store.entry([1], of: extender)?.value == [2], "the right version writes")
        },
        Case("a transaction happens as a whole or not at all") { subject in
            let version = try await subject.store.put([1], [1], of: extender)
            let changes: [DataChange] = [.put(key: [2], value: [2]), .delete(key: [1])]
            try await expect(.conflict) {
                let conditions = [
                    DataCondition(key: [1], version: version), DataCondition(key: [3], version: version),
                ]
                _ = try await subject.store.commit(
                    DataTransaction(conditions: conditions, changes: changes), of: extender)
            }
            try await expect(subject.store.entry([2], of: extender) == nil, "nothing happened")
            let conditions = [DataCondition(key: [1], version: version), DataCondition(key: [3], version: 0)]
            _ = try await subject.store.commit(DataTransaction(conditions: conditions, changes: changes), of: extender)
            let keys = try await subject.store.entries(prefix: [], after: nil, limit: 9, of: extender).map(\.key)
            try expect(keys == [[2]], "everything happened")
        },
        Case("data is listed by prefix in pages, in the order of the bytes") { subject in
            for key in [[1], [1, 255], [1, 0], [2], [255], [255, 255, 1], [0]] as [[UInt8]] {
                _ = try await subject.store.put(key, key, of: extender)
            }
            func keys(_ prefix: [UInt8], after: [UInt8]? = nil, limit: Int = 10) async throws -> [[UInt8]] {
                try await subject.store.entries(prefix: prefix, after: after, limit: limit, of: extender).map(\.key)
            }
            try await expect(keys([1]) == [[1], [1, 0], [1, 255]], "all of the prefix")
            try await expect(keys([1], limit: 2) == [[1], [1, 0]], "at most the limit")
            try await expect(keys([1], after: [1, 0]) == [[1, 255]], "after the last")
            try await expect(keys([255]) == [[255], [255, 255, 1]], "a prefix without a successor")
            try await expect(keys([], limit: 2) == [[0], [1]], "no prefix: all")
        },
        Case("a quota counts keys and bytes, and deleting is always possible") { subject in
            try await subject.store.setQuota(bytes: 10, keys: 2, of: extender)
            _ = try await subject.store.put([1], [1, 1, 1], of: extender)
            try await expect(.quotaExceeded) {
                _ = try await subject.store.put([2], [UInt8](repeating: 0, count: 6), of: extender)
            }
            _ = try await subject.store.put([2], [2], of: extender)
            try await expect(.quotaExceeded) { _ = try await subject.store.put([3], [], of: extender) }
            let usage = try await subject.store.usage(of: extender)
            try expect(usage == DataUsage(bytes: 6, keys: 2, bytesMaximum: 10, keysMaximum: 2), "usage is exact")
            try await subject.store.setQuota(bytes: 1, keys: 1, of: extender)
            _ = try await subject.store.put([1], [1], of: extender)
            try await subject.store.delete([2], of: extender)
            try await expect(subject.store.usage(of: extender).bytes == 2, "what shrinks is allowed")
            try await expect(subject.store.usage(of: other).bytesMaximum == StoreLimit.dataQuotaBytes, "not another's")
        },
        Case("keys, values and transactions are bounded") { subject in
            let store = subject.store
            try await expectInvalid { _ = try await store.put([], [], of: extender) }
            try await expectInvalid { _ = try await store.put([UInt8](repeating: 1, count: 513), [], of: extender) }
            let large = [UInt8](repeating: 1, count: StoreLimit.dataValueBytes)
            _ = try await store.put([1], large, of: extender)
            try await expectInvalid { _ = try await store.put([1], large + [1], of: extender) }
            let many = (0..<129).map { DataChange.delete(key: [UInt8($0)]) }
            try await expectInvalid { _ = try await store.commit(DataTransaction(changes: many), of: extender) }
            for key in 2...4 as ClosedRange<UInt8> { _ = try await store.put([key], large, of: extender) }
            let page = try await store.entries(prefix: [], after: nil, limit: 10, of: extender)
            try expect(page.map(\.key) == [[1]], "an answer has a bounded size")
        },
    ]

    static let changes = [
        Case("a watch begins with everything and then tells what is committed") { subject in
            let watch = try await subject.store.changes(of: [.settings, .peers, .workers, .data(extender)])
            var next = watch.makeAsyncIterator()
            try await expect(next.next() == .resynchronise, "first, read everything")
            _ = try await subject.store.set("relay.hops", to: "3", by: "a", expecting: nil)
            try await expect(next.next() == .changed(.settings, key: "relay.hops"), "a setting")
            try await subject.store.setRights(RightsRow(name: "not-watched"))
            _ = try await subject.store.editPeer(node(1), PeerEdit(access: .allowed))
            try await expect(next.next() == .changed(.peers, key: node(1).description), "a peer")
            let worker = try await subject.store.registerWorker(one, lease: lease)
            try await expect(next.next() == .changed(.workers, key: "kernel-1"), "a worker")
            _ = try await subject.store.renewWorker("kernel-1", epoch: worker.epoch, load: WorkerLoad(), lease: lease)
            _ = try await subject.store.put([1], [1], of: other)
            _ = try await subject.store.put([0, 171], [1], of: extender)
            try await expect(next.next() == .changed(.data(extender), key: "00ab"), "a key, of this extender only")
        },
        Case("a watcher that lags is told to read everything again") { subject in
            let watch = try await subject.store.changes(of: [.peers])
            for number in 0..<600 as Range<UInt64> { _ = try await subject.store.editPeer(node(number), PeerEdit()) }
            var next = watch.makeAsyncIterator()
            var heard = 0
            while let change = await next.next() {
                heard += 1
                let isLast = change == .changed(.peers, key: node(599).description)
                let isAll = change == .resynchronise && heard > 1
                if isLast || isAll { return }
                try expect(heard <= 2 * StoreLimit.watchedChanges, "what waits is bounded")
            }
        },
    ]
}
