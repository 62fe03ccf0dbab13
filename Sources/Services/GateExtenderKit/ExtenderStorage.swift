package import GateModel
package import GateStore

/// An extender's own keys and values in the node's database, shared by all its replicas and by nobody else.
public struct ExtenderStorage: Sendable {
    /// One key as it was read.
    public struct Entry: Hashable, Sendable {
        /// 1 to 512 bytes or so; the database says no to more.
        public let key: [UInt8]
        /// What was stored.
        public let value: [UInt8]
        /// Grows with every write of the key; never 0.
        public let version: Int64
    }

    private let store: any ExtenderDataStore
    private let extender: ExtenderID

    package init(store: any ExtenderDataStore, extender: ExtenderID) {
        self.store = store
        self.extender = extender
    }

    /// One entry; `nil` if the key does not exist.
    public func get(_ key: [UInt8]) async throws(ExtenderFailure) -> Entry? {
        let found: DataEntry? = try await translated { store throws(StoreFailure) in
            try await store.entry(key, of: extender)
        }
        return found.map { Entry(key: $0.key, value: $0.value, version: $0.version) }
    }

    /// Writes a key whatever it held; returns its version.
    @discardableResult
    public func put(_ key: [UInt8], _ value: [UInt8]) async throws(ExtenderFailure) -> Int64 {
        try await translated { store throws(StoreFailure) in try await store.put(key, value, of: extender) }
    }

    /// Writes a key if its version is still `version` (0: if it does not exist); returns the new one, or `nil` where
    /// somebody else was first.
    public func compareAndSet(_ key: [UInt8], _ value: [UInt8], expecting version: Int64)
        async throws(ExtenderFailure) -> Int64?
    {
        do throws(StoreFailure) {
            return try await store.compareAndSet(key, value, expecting: version, of: extender)
        } catch .conflict {
            return nil
        } catch {
            throw ExtenderFailure(.storage, "\(error)")
        }
    }

    /// Deletes a key if it exists.
    public func delete(_ key: [UInt8]) async throws(ExtenderFailure) {
        try await translated { store throws(StoreFailure) in try await store.delete(key, of: extender) }
    }

    /// Entries whose key begins with `prefix`, in order, after `after`, at most `limit`; fewer where they are large.
    public func list(prefix: [UInt8] = [], after: [UInt8]? = nil, limit: Int = 100)
        async throws(ExtenderFailure) -> [Entry]
    {
        let entries: [DataEntry] = try await translated { store throws(StoreFailure) in
            try await store.entries(prefix: prefix, after: after, limit: limit, of: extender)
        }
        return entries.map { Entry(key: $0.key, value: $0.value, version: $0.version) }
    }

    private func translated<Value>(
        _ work: (any ExtenderDataStore) async throws(StoreFailure) -> Value
    ) async throws(ExtenderFailure) -> Value {
        do throws(StoreFailure) {
            return try await work(store)
        } catch {
            throw ExtenderFailure(.storage, "\(error)")
        }
    }
}
