import ArgumentParser
import Foundation
import GateCrypto
import GateDatabase
import GateKernel
import GateModel
import GateSettings
import Testing

@testable import GateCommand

@Suite(.timeLimit(.minutes(1))) struct NodeFolderTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "folder-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await body(folder)
    }

    private func write(_ text: String, _ path: String) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    private func chmod(_ path: String, _ mode: Int) throws {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test(arguments: ["data/precious", "secrets/precious", "credentials/mine/key.pem", "run/precious", "authority/x"])
    func `an init that is refused removes nothing that was there`(path: String) async throws {
        try await withFolder { folder in
            try write("mine", "\(folder)/\(path)")
            await #expect(throws: ExitCode.self) { _ = try await NodeFolder.create(LocalSettings(directory: folder)) }
            #expect(try String(contentsOfFile: "\(folder)/\(path)", encoding: .utf8) == "mine")
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
        }
    }

    @Test func `an identity has an ML-DSA key where init is asked for one`() async throws {
        try await withFolder { folder in
            for isWanted in [false, true] {
                let settings = LocalSettings(directory: "\(folder)/\(isWanted)")
                let node = try await NodeFolder.create(settings, isPostQuantum: isWanted)
                let database = try await NodeDatabase.open(
                    path: settings.databasePath, vaultKeyFile: settings.vaultKeyPath)
                #expect(database.vault.node == node && database.vault.bundle.isPostQuantum == isWanted)
                await database.close()
            }
            #expect(try InitCommand.parse(["--pq-identity"]).pqIdentity)
            #expect(try !InitCommand.parse([]).pqIdentity)
        }
    }

    @Test func `an init that fails on its way leaves what was there and nothing of its own`() async throws {
        try await withFolder { folder in
            try write("mine", "\(folder)/notes.txt")
            var settings = LocalSettings(directory: folder)
            settings.database.path = "nowhere/node.sqlite"
            await #expect(throws: (any Error).self) { _ = try await NodeFolder.create(settings) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["notes.txt"])
        }
    }

    @Test func `of two inits at once one makes the node and the other is refused`() async throws {
        try await withFolder { folder in
            let settings = LocalSettings(directory: folder)
            let made = await withTaskGroup(of: NodeUUID?.self) { group in
                for _ in 0..<4 { group.addTask { try? await NodeFolder.create(settings) } }
                return await group.reduce(into: [NodeUUID]()) { nodes, node in if let node { nodes.append(node) } }
            }
            #expect(made.count == 1)
            let node = try await NodeDatabase.inspect(
                path: settings.databasePath, vaultKeyFile: settings.vaultKeyPath)
            #expect(node == made.first)
            let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
            #expect(names == ["secrets", "data", "authority", "credentials", "run", "quantumgate.yaml"])
        }
    }

    @Test func `a running node is told by its lock, not by a process id`() async throws {
        try await withFolder { folder in
            let settings = LocalSettings(directory: folder)
            _ = try await NodeFolder.create(settings)
            try NodeState(pid: getpid(), statuses: []).write(settings.nodeStatePath)
            #expect(NodeState.read(settings) == nil)
            let lock = try NodeLock(directory: folder)
            #expect(NodeState.read(settings)?.pid == getpid())
            #expect(throws: NodeLockFailure.held(directory: folder)) { _ = try NodeLock(directory: folder) }
            lock.release()
            #expect(!NodeLock.isHeld(in: folder))
        }
    }

    // MARK: doctor

    private func failures(_ settings: LocalSettings) async -> [Finding] {
        await Examination.all(of: settings.directory).filter { $0.verdict == .bad && $0.subject != "ports" }
    }

    @Test func `doctor finds nothing to fail in a new folder`() async throws {
        try await withFolder { folder in
            let settings = LocalSettings(directory: folder)
            _ = try await NodeFolder.create(settings)
            #expect(await failures(settings) == [])
        }
    }

    @Test(arguments: ["secrets/vault.key", "credentials/kernel-1/key.pem", "authority/key.pem"])
    func `doctor fails a key that others may read`(path: String) async throws {
        try await withFolder { folder in
            let settings = LocalSettings(directory: folder)
            _ = try await NodeFolder.create(settings)
            try chmod("\(folder)/\(path)", 0o644)
            let found = await failures(settings).filter { $0.subject == "files" }
            #expect(found.map(\.advice) == ["chmod 600 \(folder)/\(path)"])
        }
    }

    // MARK: The network's secret

    @Test func `init makes a secret for the network, which the node's settings name`() async throws {
        try await withFolder { folder in
            var settings = LocalSettings(directory: folder)
            settings.peers.sharedSecretFile = LocalSettings.sharedSecretFileName
            _ = try await NodeFolder.create(settings, withSharedSecret: true)
            let loaded = try await LocalSettings.load(directory: folder, environment: [:])
            let path = try #require(loaded.sharedSecretPath)
            #expect(path == "\(folder)/secrets/network.key" && FilePermissions.of(path) == 0o600)
            _ = try SharedSecretFile.load(from: path)
            #expect(await failures(settings) == [])
            #expect(InitCommand.advice(settings).contains(path))
        }
    }

    @Test func `init takes a secret that is there, and makes no node with one that will not do`() async throws {
        try await withFolder { folder in
            var settings = LocalSettings(directory: "\(folder)/node")
            settings.peers.sharedSecretFile = "\(folder)/network.key"
            try write("short", "\(folder)/network.key")
            try chmod("\(folder)/network.key", 0o600)
            await #expect(throws: SharedSecretFileFailure.self) { _ = try await NodeFolder.create(settings) }
            #expect(!FileManager.default.fileExists(atPath: settings.directory))
            try write("a passphrase that does", "\(folder)/network.key")
            try chmod("\(folder)/network.key", 0o600)
            _ = try await NodeFolder.create(settings)
            #expect(await failures(settings) == [])
        }
    }

    @Test func `doctor fails a secret that is none, and says how to make one`() async throws {
        try await withFolder { folder in
            var settings = LocalSettings(directory: folder)
            settings.peers.sharedSecretFile = LocalSettings.sharedSecretFileName
            _ = try await NodeFolder.create(settings, withSharedSecret: true)
            try write("short", "\(folder)/secrets/network.key")
            try chmod("\(folder)/secrets/network.key", 0o600)
            let found = await failures(settings).filter { $0.subject == "shared secret" }
            #expect(found.count == 1 && found.first?.advice?.contains("openssl rand -hex 32") == true)
        }
    }

    @Test func `doctor fails a vault key of another node`() async throws {
        try await withFolder { folder in
            let settings = LocalSettings(directory: folder)
            _ = try await NodeFolder.create(settings)
            try FileManager.default.removeItem(atPath: settings.vaultKeyPath)
            _ = try VaultKeyFile.create(at: settings.vaultKeyPath)
            let found = await failures(settings)
            #expect(found.map(\.subject) == ["database"])
            #expect(found.first?.found.contains("the vault key does not open its identity") == true)
        }
    }

    @Test func `doctor fails a damaged database`() async throws {
        try await withFolder { folder in
            let settings = LocalSettings(directory: folder)
            _ = try await NodeFolder.create(settings)
            let url = URL(filePath: settings.databasePath)
            var bytes = try Data(contentsOf: url)
            // Past the schema's page: the structure breaks, the file still opens.
            for index in 4_096..<bytes.count { bytes[index] = 0xff }
            try bytes.write(to: url)
            let found = await failures(settings)
            #expect(found.map(\.subject) == ["database"])
        }
    }

    #if canImport(Glibc)
    @Test func `the command is hardened as the node's other programs are`() async {
        await #expect(processExitsWith: .success) {
            QuantumGateCommand.harden()
            precondition(ProcessHardening.isDumpable == false, "init and doctor hold the identity's keys")
        }
    }
    #endif

    @Test func `an unknown setting is refused, whether it is read or set`() {
        let refusal = #expect(throws: ExitCode.self) { _ = try SettingsCommand.definition(of: "no.such") }
        #expect(refusal == CommandExit.refused)
    }
}
