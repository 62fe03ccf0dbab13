package import GateModel
package import GateStore

extension MemoryStore: ExtenderDataStore {
    package func entry(_ key: [UInt8], of extender: ExtenderID) throws(StoreFailure) -> DataEntry? {
        try checkDataKey(key)
        return data[extender]?.entries[key]
    }

    package func entries(prefix: [UInt8], after: [UInt8]?, limit: Int, of extender: ExtenderID) -> [DataEntry] {
        let found = data[extender, default: ExtenderData()].entries.values.filter { entry in
            entry.key.starts(with: prefix) && (after.map { $0.lexicographicallyPrecedes(entry.key) } ?? true)
        }
        let page = found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(pageLimit(limit))
        return dataPage(Array(page))
    }

    package func commit(_ transaction: DataTransaction, of extender: ExtenderID) async throws(StoreFailure) -> Int64 {
        try transaction.check()
        var next = data[extender, default: ExtenderData()]
        for condition in transaction.conditions {
            guard next.entries[condition.key]?.version ?? 0 == condition.version else { throw .conflict }
        }
        let before = next.usage
        next.lastVersion += 1
        for change in transaction.changes {
            switch change {
            case .put(let key, let value):
                next.entries[key] = DataEntry(key: key, value: value, version: next.lastVersion)
            case .delete(let key): next.entries[key] = nil
            }
        }
        try next.usage.checkQuota(from: before)
        data[extender] = next
        await hub.publish(transaction.changes.map { .changed(.data(extender), key: changeKey($0.key)) })
        return next.lastVersion
    }

    package func usage(of extender: ExtenderID) -> DataUsage { data[extender, default: ExtenderData()].usage }

    package func setQuota(bytes: Int64, keys: Int64, of extender: ExtenderID) throws(StoreFailure) {
        guard bytes >= 0, keys >= 0 else { throw .invalid("a quota is not negative") }
        data[extender, default: ExtenderData()].bytesMaximum = bytes
        data[extender, default: ExtenderData()].keysMaximum = keys
    }
}

extension MemoryStore.ExtenderData {
    var usage: DataUsage {
        let bytes = entries.values.reduce(0) { $0 + Int64($1.key.count + $1.value.count) }
        return DataUsage(
            bytes: bytes, keys: Int64(entries.count), bytesMaximum: bytesMaximum, keysMaximum: keysMaximum)
    }
}
