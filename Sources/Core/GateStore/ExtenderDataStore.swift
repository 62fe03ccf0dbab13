package import GateModel

/// One key of an extender's data.
package struct DataEntry: Sendable, Equatable {
    /// 1 to `StoreLimit.dataKeyBytes` bytes.
    package let key: [UInt8]
    /// At most `StoreLimit.dataValueBytes` bytes.
    package let value: [UInt8]
    /// Grows with every write of the key; never 0.
    package let version: Int64

    package init(key: [UInt8], value: [UInt8], version: Int64) {
        self.key = key
        self.value = value
        self.version = version
    }
}

/// What is to be true for a transaction to happen.
package struct DataCondition: Sendable, Equatable {
    package let key: [UInt8]
    /// The version that the key must have; 0: it must not exist.
    package let version: Int64

    package init(key: [UInt8], version: Int64) {
        self.key = key
        self.version = version
    }
}

/// One write of a transaction.
package enum DataChange: Sendable, Equatable {
    case put(key: [UInt8], value: [UInt8])
    /// Deleting what is not there is no fault.
    case delete(key: [UInt8])

    /// The key that is written.
    package var key: [UInt8] {
        switch self {
        case .put(let key, _): key
        case .delete(let key): key
        }
    }
}

/// Several writes that happen together or not at all.
package struct DataTransaction: Sendable, Equatable {
    package var conditions: [DataCondition]
    package var changes: [DataChange]

    package init(conditions: [DataCondition] = [], changes: [DataChange]) {
        self.conditions = conditions
        self.changes = changes
    }

    /// Throws what rule the transaction breaks.
    package func check() throws(StoreFailure) {
        try checkCount(
            conditions.count + changes.count, of: "keys of a transaction", atMost: StoreLimit.dataTransactionKeys)
        var bytes = 0
        for condition in conditions {
            try checkDataKey(condition.key)
            bytes += condition.key.count
        }
        for change in changes {
            try checkDataKey(change.key)
            bytes += change.key.count
            if case .put(_, let value) = change {
                try checkCount(value.count, of: "bytes of a value", atMost: StoreLimit.dataValueBytes)
                bytes += value.count
            }
        }
        try checkCount(bytes, of: "bytes of a transaction", atMost: StoreLimit.dataTransactionBytes)
    }
}

/// What an extender stores and may store.
package struct DataUsage: Sendable, Equatable {
    /// Bytes of all keys and values.
    package var bytes: Int64
    package var keys: Int64
    package var bytesMaximum: Int64
    package var keysMaximum: Int64

    package init(bytes: Int64, keys: Int64, bytesMaximum: Int64, keysMaximum: Int64) {
        self.bytes = bytes
        self.keys = keys
        self.bytesMaximum = bytesMaximum
        self.keysMaximum = keysMaximum
    }
}

extension DataUsage {
    /// Throws if more is stored than allowed and the write was not merely deleting.
    package func checkQuota(from before: DataUsage) throws(StoreFailure) {
        let hasGrown = bytes > before.bytes || keys > before.keys
        guard !hasGrown || (bytes <= bytesMaximum && keys <= keysMaximum) else { throw .quotaExceeded }
    }
}

/// Keys and values of each extender, apart from every other's.
package protocol ExtenderDataStore: Sendable {
    /// One entry; `nil` if the key does not exist.
    func entry(_ key: [UInt8], of extender: ExtenderID) async throws(StoreFailure) -> DataEntry?

    /// Entries whose key begins with `prefix`, in the order of their keys, after `after`, at most `limit`
    /// (and `StoreLimit.pageRows`, and about `StoreLimit.dataTransactionBytes` bytes; never none while there are some).
    func entries(prefix: [UInt8], after: [UInt8]?, limit: Int, of extender: ExtenderID)
        async throws(StoreFailure) -> [DataEntry]

    /// Writes all changes if all conditions hold, else `.conflict`; returns the version that the puts have.
    func commit(_ transaction: DataTransaction, of extender: ExtenderID) async throws(StoreFailure) -> Int64

    /// What the extender stores and may store.
    func usage(of extender: ExtenderID) async throws(StoreFailure) -> DataUsage

    /// Changes what the extender may store; what it has stays, even above.
    func setQuota(bytes: Int64, keys: Int64, of extender: ExtenderID) async throws(StoreFailure)
}

extension ExtenderDataStore {
    /// Writes one key whatever it held before; returns its version.
    package func put(_ key: [UInt8], _ value: [UInt8], of extender: ExtenderID) async throws(StoreFailure) -> Int64 {
        try await commit(DataTransaction(changes: [.put(key: key, value: value)]), of: extender)
    }

    /// Deletes one key if it exists.
    package func delete(_ key: [UInt8], of extender: ExtenderID) async throws(StoreFailure) {
        _ = try await commit(DataTransaction(changes: [.delete(key: key)]), of: extender)
    }

    /// Writes one key if its version is still `version` (0: if it does not exist), else `.conflict`.
    package func compareAndSet(_ key: [UInt8], _ value: [UInt8], expecting version: Int64, of extender: ExtenderID)
        async throws(StoreFailure) -> Int64
    {
        let condition = DataCondition(key: key, version: version)
        return try await commit(
            DataTransaction(conditions: [condition], changes: [.put(key: key, value: value)]), of: extender)
    }
}

/// Throws if a key of extender data is empty or too long.
package func checkDataKey(_ key: [UInt8]) throws(StoreFailure) {
    guard (1...StoreLimit.dataKeyBytes).contains(key.count) else {
        throw .invalid("a key has 1 to \(StoreLimit.dataKeyBytes) bytes")
    }
}

/// How a data key is written in a change: hexadecimal.
package func changeKey(_ key: [UInt8]) -> String {
    key.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The longest beginning of a listing that fits an answer; its first entry always does.
package func dataPage(_ entries: [DataEntry]) -> [DataEntry] {
    var bytes = 0
    return Array(
        entries.prefix { entry in
            defer { bytes += entry.key.count + entry.value.count }
            return bytes == 0 || bytes + entry.key.count + entry.value.count <= StoreLimit.dataTransactionBytes
        })
}
