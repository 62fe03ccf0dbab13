import GatePostgres
import GateSQLite
package import GateSettings
package import GateStore

/// Where a node's database is.
package enum DatabasePlace: Sendable, Equatable {
    /// A file of SQLite, at this path.
    case file(String)
    /// A database of PostgreSQL.
    case server(DatabaseServer)

    /// What the settings of this machine say; throws `.server` where their URL can't be used.
    package init(_ settings: LocalSettings) throws(NodeDatabaseFailure) {
        switch settings.database.kind {
        case .sqlite: self = .file(settings.databasePath)
        case .postgresql:
            self = .server(
                try DatabaseServer(
                    url: settings.database.url ?? "", passwordFile: settings.databasePasswordPath,
                    allowsPlain: settings.database.allowPlain))
        }
    }

    /// What `--to` and `--database` take: a URL of PostgreSQL, else a path.
    package init(
        text: String, passwordFile: String? = nil, allowsPlain: Bool = false
    ) throws(NodeDatabaseFailure) {
        guard text.contains("://") else {
            self = .file(text)
            return
        }
        self = .server(try DatabaseServer(url: text, passwordFile: passwordFile, allowsPlain: allowsPlain))
    }

    /// Opens the store, makes it where there is none, and brings its schema up to date.
    package func open(
        clock: @escaping StoreClock = SQLiteStore.systemClock
    ) async throws(NodeDatabaseFailure) -> any OpenedStore {
        switch self {
        case .file(let path):
            do throws(StoreFailure) { return try SQLiteStore(path: path, clock: clock) } catch {
                throw .store(error, path: path)
            }
        case .server(let server): return try await server.open(migrates: true)
        }
    }

    /// Opens a store that is there, to look at it; its schema stays as it is.
    package func inspect() async throws(NodeDatabaseFailure) -> any OpenedStore {
        switch self {
        case .file(let path):
            do throws(StoreFailure) { return try SQLiteStore(inspecting: path) } catch {
                throw .store(error, path: path)
            }
        case .server(let server): return try await server.open(migrates: false)
        }
    }
}

extension DatabasePlace: CustomStringConvertible {
    /// The path or the URL; neither holds a secret.
    package var description: String {
        switch self {
        case .file(let path): path
        case .server(let server): server.url
        }
    }
}

/// A database of PostgreSQL and how it is reached; see `PostgresTarget`.
package struct DatabaseServer: Sendable, Equatable {
    private let target: PostgresTarget

    /// libpq's URL, without a password.
    package var url: String { target.url }

    /// Checks the URL; throws `.server` with what is wrong with it.
    package init(url: String, passwordFile: String?, allowsPlain: Bool) throws(NodeDatabaseFailure) {
        do throws(PostgresFailure) {
            target = try PostgresTarget(url: url, passwordFile: passwordFile, allowsPlain: allowsPlain)
        } catch {
            throw .server("\(error)")
        }
    }

    fileprivate func open(migrates: Bool) async throws(NodeDatabaseFailure) -> any OpenedStore {
        do throws(PostgresFailure) {
            return try await PostgresStore.open(target, migrates: migrates)
        } catch {
            if case .store(let failure) = error { throw .store(failure, path: url) }
            throw .server("\(error)")
        }
    }
}
