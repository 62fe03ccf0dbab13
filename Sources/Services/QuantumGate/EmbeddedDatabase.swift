import Foundation
import GateCrypto
import GateDatabase
import GateKernel
import GateModel
import GateSQLite
import GateStore

/// An embedded node's open database, with its temporary folder where it has one.
struct EmbeddedDatabase: Sendable {
    let database: NodeDatabase
    private let folder: TemporaryFolder?
    private let lock: NodeLock?

    private init(database: NodeDatabase, folder: TemporaryFolder? = nil, lock: NodeLock? = nil) {
        self.database = database
        self.folder = folder
        self.lock = lock
    }

    /// Gives the folder free for another node; what was written stays readable here.
    func release() { lock?.release() }

    /// Opens what the configuration names; makes it where that is asked for.
    static func open(_ storage: EmbeddedNodeConfiguration.Storage) async throws(EmbeddedNodeFailure) -> Self {
        do {
            switch storage {
            case .directory(let path): return try await inDirectory(path)
            case .host(let export, let key):
                let key = try secret(key, "the host's key")
                return try await temporary { path, vaultKey in
                    let store = try SQLiteStore(path: path)
                    do {
                        _ = try await NodeExport.restore(export, hostKey: key, into: store, vaultKey: vaultKey)
                        await store.close()
                    } catch {
                        await store.close()
                        throw error
                    }
                }
            case .new:
                return try await temporary { path, vaultKey in
                    _ = try await NodeDatabase.initialise(path: path, vaultKey: vaultKey)
                }
            }
        } catch {
            throw EmbeddedNodeFailure(of: error)
        }
    }

    /// 32 bytes in guarded memory.
    static func secret(_ bytes: [UInt8], _ what: String) throws -> GuardedSecret {
        guard bytes.count == Vault.keyByteCount else {
            throw EmbeddedNodeFailure(.configuration, "\(what) has \(Vault.keyByteCount) bytes")
        }
        return try GuardedSecret(bytes)
    }

    private static func inDirectory(_ path: String) async throws -> Self {
        let directory = URL(filePath: path)
        let file = directory.appending(path: "data/node.sqlite")
        let keyFile = directory.appending(path: "secrets/vault.key").path
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        let lock = try NodeLock(directory: directory.path)
        if !FileManager.default.fileExists(atPath: keyFile) {
            // A new key would open nothing of what is there.
            guard !FileManager.default.fileExists(atPath: file.path) else {
                throw NodeDatabaseFailure.vaultKey(.noAccess(path: keyFile))
            }
            _ = try await NodeDatabase.initialise(path: file.path, vaultKeyFile: keyFile)
        }
        return Self(database: try await NodeDatabase.open(path: file.path, vaultKeyFile: keyFile), lock: lock)
    }

    private static func temporary(_ fill: (String, GuardedSecret) async throws -> Void) async throws -> Self {
        let folder = try TemporaryFolder()
        let vaultKey = try Vault.makeKey()
        try await fill(folder.file("node.sqlite"), vaultKey)
        let database = try await NodeDatabase.open(path: folder.file("node.sqlite"), vaultKey: vaultKey)
        return Self(database: database, folder: folder)
    }
}

/// A folder for its owner only, gone with this value.
private final class TemporaryFolder: Sendable {
    private let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "quantumgate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func file(_ name: String) -> String { url.appending(path: name).path }
}

extension EmbeddedNodeFailure {
    /// What the parts' failures mean to a host.
    init(of error: any Error) {
        switch error {
        case let failure as EmbeddedNodeFailure: self = failure
        case NodeDatabaseFailure.store(.wrongVaultKey, _), StoreFailure.wrongVaultKey: self.init(.wrongKey)
        case let failure as KernelFailure: self.init(.start, "\(failure)")
        case is SecretMemoryFailure: self.init(.memory)
        default: self.init(.storage, "\(error)")
        }
    }
}
