package import GateCrypto
package import GateLinkStore
package import GateModel
import GateSQLite
package import GateStore

/// Why a node's database cannot be opened or made.
package enum NodeDatabaseFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The vault key's file.
    case vaultKey(VaultKeyFileFailure)
    /// The file at this path or the database at this URL, or what is in it.
    case store(StoreFailure, path: String)
    /// The database server, or how it is named; a whole sentence.
    case server(String)

    package var description: String {
        switch self {
        case .vaultKey(let failure): "\(failure)"
        case .store(.notFound, let path): "\(path): has no identity; `quantumgate init` makes one"
        case .store(.wrongVaultKey, let path):
            "\(path): the vault key does not open its identity; both must come from the same backup"
        case .store(.conflict, let path): "\(path): has an identity already; nothing was changed"
        case .server(let sentence): sentence
        case .store(.unavailable, let path) where path.contains("://"): "\(path): does not answer; does PostgreSQL run?"
        case .store(.unavailable, let path): "\(path): cannot be opened; does its folder exist, may it be written?"
        case .store(let failure, let path): "\(path): \(failure)"
        }
    }
}

/// A node's database, open: its stores and its vault. What an embedded node uses directly and the service serves.
package struct NodeDatabase: Sendable {
    /// Everything that the node keeps.
    package let store: any OpenedStore
    /// Its identity.
    package let vault: IdentityVault

    /// Opens the database and its vault.
    package static func open(
        _ place: DatabasePlace, vaultKey: GuardedSecret, clock: @escaping StoreClock = SQLiteStore.systemClock
    ) async throws(NodeDatabaseFailure) -> NodeDatabase {
        let store = try await place.open(clock: clock)
        do throws(StoreFailure) {
            let vault = try await IdentityVault(opening: store, key: vaultKey, clock: clock)
            return NodeDatabase(store: store, vault: vault)
        } catch {
            await store.close()
            throw .store(error, path: "\(place)")
        }
    }

    /// Opens a file's database and its vault. Blocks for a moment: call it at start.
    package static func open(
        path: String, vaultKey: GuardedSecret, clock: @escaping StoreClock = SQLiteStore.systemClock
    ) async throws(NodeDatabaseFailure) -> NodeDatabase {
        try await open(.file(path), vaultKey: vaultKey, clock: clock)
    }

    /// Opens the database with the key in a file.
    package static func open(
        _ place: DatabasePlace, vaultKeyFile: String
    ) async throws(NodeDatabaseFailure) -> NodeDatabase {
        try await open(place, vaultKey: key(in: vaultKeyFile))
    }

    /// Opens a file's database with the key in a file.
    package static func open(path: String, vaultKeyFile: String) async throws(NodeDatabaseFailure) -> NodeDatabase {
        try await open(.file(path), vaultKeyFile: vaultKeyFile)
    }

    /// Makes what a new node needs: the key's file, the database and an identity in it. An existing key or identity
    /// is never replaced. With `isPostQuantum` the identity has an ML-DSA key beside its Ed25519 key.
    package static func initialise(
        _ place: DatabasePlace, vaultKeyFile: String, isPostQuantum: Bool = false
    ) async throws(NodeDatabaseFailure) -> NodeUUID {
        let key: GuardedSecret
        do throws(VaultKeyFileFailure) {
            key = try VaultKeyFile.create(at: vaultKeyFile)
        } catch {
            throw .vaultKey(error)
        }
        return try await initialise(place, vaultKey: key, isPostQuantum: isPostQuantum)
    }

    /// The same with the database in a file.
    package static func initialise(path: String, vaultKeyFile: String) async throws(NodeDatabaseFailure) -> NodeUUID {
        try await initialise(.file(path), vaultKeyFile: vaultKeyFile)
    }

    /// Makes the database and an identity in it, sealed with a key that the caller keeps.
    package static func initialise(
        _ place: DatabasePlace, vaultKey: GuardedSecret, isPostQuantum: Bool = false
    ) async throws(NodeDatabaseFailure) -> NodeUUID {
        try await using(try await place.open(), of: place) { store throws(StoreFailure) in
            try await IdentityVault.initialise(in: store, key: vaultKey, isPostQuantum: isPostQuantum)
        }
    }

    /// The same with the database in a file.
    package static func initialise(path: String, vaultKey: GuardedSecret) async throws(NodeDatabaseFailure) -> NodeUUID
    {
        try await initialise(.file(path), vaultKey: vaultKey)
    }

    /// Looks whether a stopped node's database is sound and the key in its file opens its identity, and changes neither.
    /// Reads the whole database.
    package static func inspect(
        _ place: DatabasePlace, vaultKeyFile: String
    ) async throws(NodeDatabaseFailure) -> NodeUUID {
        let key = try key(in: vaultKeyFile)
        return try await using(try await place.inspect(), of: place) { store throws(StoreFailure) in
            try await store.checkIntegrity()
            return try await IdentityVault(opening: store, key: key, clock: SQLiteStore.systemClock).node
        }
    }

    /// The same for a file.
    package static func inspect(path: String, vaultKeyFile: String) async throws(NodeDatabaseFailure) -> NodeUUID {
        try await inspect(.file(path), vaultKeyFile: vaultKeyFile)
    }

    /// Brings the tables up to date, or makes them, and nothing else.
    package static func migrate(_ place: DatabasePlace) async throws(NodeDatabaseFailure) {
        await (try await place.open()).close()
    }

    /// Closes the store after use, however that ends.
    static func using<Value>(
        _ store: any OpenedStore, of place: DatabasePlace,
        _ body: (any OpenedStore) async throws(StoreFailure) -> Value
    ) async throws(NodeDatabaseFailure) -> Value {
        do throws(StoreFailure) {
            let value = try await body(store)
            await store.close()
            return value
        } catch {
            await store.close()
            throw .store(error, path: "\(place)")
        }
    }

    /// What answers requests over links.
    package var dispatcher: StoreDispatcher {
        StoreDispatcher(
            store: store, certifier: vault, keeper: vault, links: vault, rightsAge: NodeDatabase.rightsAge)
    }

    /// How old the rights may be by which a request over a link is judged.
    package static let rightsAge = Duration.milliseconds(250)

    /// Why the database can't be queried now, for `/readyz`; `nil` where it can.
    package func unreadiness() async -> String? {
        do throws(StoreFailure) {
            try await store.probe()
            return nil
        } catch {
            return "the database can't be queried: \(error)"
        }
    }

    /// Closes the store; nothing may be asked afterwards.
    package func close() async { await store.close() }

    static func key(in path: String) throws(NodeDatabaseFailure) -> GuardedSecret {
        do throws(VaultKeyFileFailure) {
            return try VaultKeyFile.load(from: path)
        } catch {
            throw .vaultKey(error)
        }
    }
}
