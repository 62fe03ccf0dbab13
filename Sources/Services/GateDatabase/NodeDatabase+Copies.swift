import GateCrypto
package import GateModel
package import GateStore

extension NodeDatabase {
    /// Writes a database to a new file while it is in use: one moment of it. Makes nothing where there is none.
    package static func backup(
        _ place: DatabasePlace, to path: String
    ) async throws(NodeDatabaseFailure) -> NodeArchive.Summary {
        try await using(try await place.inspect(), of: place) { store throws(StoreFailure) in
            guard try await store.vaultRow(IdentityVault.row) != nil else { throw .notFound }
            return try await NodeArchive.write(store, to: path)
        }
    }

    /// Puts a backup in place: into an empty database, or with `replacing` in place of what is there. The whole file is
    /// checked, and that the key opens its identity, before anything changes. Nobody may be using the database.
    package static func restore(
        _ path: String, into place: DatabasePlace, vaultKeyFile: String, replacing: Bool
    ) async throws(NodeDatabaseFailure) -> (node: NodeUUID, summary: NodeArchive.Summary) {
        let key = try key(in: vaultKeyFile)
        let node = try await identity(in: path, key: key)
        let summary = try await using(try await place.open(), of: place) { store throws(StoreFailure) in
            if let other = try await store.vaultRow(IdentityVault.row), replacing {
                // Only over the same identity, or over one that this key does not open and nobody can use with it.
                let present = try? IdentityKey(unsealing: other, with: key).bundle.uuid
                guard present == nil || present == node else { throw .conflict }
            }
            let file = try await NodeArchive.restore(path, into: store, replacing: replacing)
            guard try await NodeArchive.summary(of: store) == file else {
                throw .damaged("what is stored now is not what the file holds")
            }
            return file
        }
        return (node, summary)
    }

    /// Copies a database into an empty one of any kind, by way of a file, and compares both. Nobody may be using it.
    package static func move(
        _ place: DatabasePlace, to other: DatabasePlace, vaultKeyFile: String, by path: String
    ) async throws(NodeDatabaseFailure) -> NodeArchive.Summary {
        let written = try await backup(place, to: path)
        let restored = try await restore(path, into: other, vaultKeyFile: vaultKeyFile, replacing: false)
        guard restored.summary == written else {
            throw .store(.damaged("the copy holds something else than what was copied"), path: "\(other)")
        }
        return written
    }

    /// The workers that use a database now; none where there is no database.
    package static func workers(of place: DatabasePlace) async throws(NodeDatabaseFailure) -> [WorkerRow] {
        do throws(NodeDatabaseFailure) {
            return try await using(try await place.inspect(), of: place) { store throws(StoreFailure) in
                try await store.workers()
            }
        } catch {
            switch error {
            case .store(.notFound, _): return []
            case .store(.unavailable, let path) where !path.contains("://"): return []
            default: throw error
            }
        }
    }

    /// The identity that a backup holds, once all of it is read and sound.
    private static func identity(
        in path: String, key: GuardedSecret
    ) async throws(NodeDatabaseFailure) -> NodeUUID {
        do throws(StoreFailure) {
            let checked = try NodeArchive.check(path, finding: IdentityVault.row)
            guard let sealed = checked.vaultRow else { throw .damaged("the backup holds no identity") }
            do throws(VaultFailure) {
                return try IdentityKey(unsealing: sealed, with: key).bundle.uuid
            } catch {
                throw error == .notAuthentic ? .wrongVaultKey : .damaged("the identity in the backup is none")
            }
        } catch {
            throw .store(error, path: path)
        }
    }
}
