package import GateCrypto
package import GateLinkStore
package import GateModel
package import GateSQLite
package import GateStore

/// Why a node's database cannot be opened or made.
package enum NodeDatabaseFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// The vault key's file.
    case vaultKey(VaultKeyFileFailure)
    /// The file at this path, or what is in it.
    case store(StoreFailure, path: String)

    package var description: String {
        switch self {
        case .vaultKey(let failure): "\(failure)"
        case .store(.notFound, let path): "\(path): has no identity; `quantumgate init` makes one"
        case .store(.wrongVaultKey, let path):
            "\(path): the vault key does not open its identity; both must come from the same backup"
        case .store(.conflict, let path): "\(path): has an identity already; nothing was changed"
        case .store(.unavailable, let path): "\(path): cannot be opened; does its folder exist, may it be written?"
        case .store(let failure, let path): "\(path): \(failure)"
        }
    }
}

/// A node's database, open: its stores and its vault. What an embedded node uses directly and the service serves.
package struct NodeDatabase: Sendable {
    /// Everything that the node keeps.
    package let store: SQLiteStore
    /// Its identity.
    package let vault: IdentityVault

    /// Opens the database and its vault. Blocks for a moment: call it at start.
    package static func open(
        path: String, vaultKey: GuardedSecret, clock: @escaping StoreClock = SQLiteStore.systemClock
    ) async throws(NodeDatabaseFailure) -> NodeDatabase {
        do throws(StoreFailure) {
            let store = try SQLiteStore(path: path, clock: clock)
            do throws(StoreFailure) {
                let vault = try await IdentityVault(opening: store, key: vaultKey, clock: clock)
                return NodeDatabase(store: store, vault: vault)
            } catch {
                await store.close()
                throw error
            }
        } catch {
            throw .store(error, path: path)
        }
    }

    /// Opens the database with the key in a file.
    package static func open(path: String, vaultKeyFile: String) async throws(NodeDatabaseFailure) -> NodeDatabase {
        try await open(path: path, vaultKey: key(in: vaultKeyFile))
    }

    /// Makes what a new node needs: the key's file, the database and an identity in it. An existing key or identity
    /// is never replaced.
    package static func initialise(path: String, vaultKeyFile: String) async throws(NodeDatabaseFailure) -> NodeUUID {
        let key: GuardedSecret
        do throws(VaultKeyFileFailure) {
            key = try VaultKeyFile.create(at: vaultKeyFile)
        } catch {
            throw .vaultKey(error)
        }
        return try await initialise(path: path, vaultKey: key)
    }

    /// Makes the database and an identity in it, sealed with a key that the caller keeps.
    package static func initialise(path: String, vaultKey: GuardedSecret) async throws(NodeDatabaseFailure) -> NodeUUID
    {
        do throws(StoreFailure) {
            let store = try SQLiteStore(path: path)
            do throws(StoreFailure) {
                let node = try await IdentityVault.initialise(in: store, key: vaultKey)
                await store.close()
                return node
            } catch {
                await store.close()
                throw error
            }
        } catch {
            throw .store(error, path: path)
        }
    }

    /// Looks whether a stopped node's database is sound and the key in its file opens its identity, and changes neither.
    /// Reads the whole database.
    package static func inspect(path: String, vaultKeyFile: String) async throws(NodeDatabaseFailure) -> NodeUUID {
        let key = try key(in: vaultKeyFile)
        do throws(StoreFailure) {
            let store = try SQLiteStore(inspecting: path)
            do throws(StoreFailure) {
                try await store.checkIntegrity()
                let vault = try await IdentityVault(opening: store, key: key, clock: SQLiteStore.systemClock)
                await store.close()
                return vault.node
            } catch {
                await store.close()
                throw error
            }
        } catch {
            throw .store(error, path: path)
        }
    }

    /// What answers requests over links.
    package var dispatcher: StoreDispatcher {
        StoreDispatcher(store: store, certifier: vault, keeper: vault, links: vault)
    }

    /// Why the file can't be queried now, for `/readyz`; `nil` where it can.
    package func unreadiness() async -> String? {
        do throws(StoreFailure) {
            try await store.probe()
            return nil
        } catch {
            return "the database can't be queried: \(error)"
        }
    }

    /// Closes the file; nothing may be asked afterwards.
    package func close() async { await store.close() }

    private static func key(in path: String) throws(NodeDatabaseFailure) -> GuardedSecret {
        do throws(VaultKeyFileFailure) {
            return try VaultKeyFile.load(from: path)
        } catch {
            throw .vaultKey(error)
        }
    }
}
