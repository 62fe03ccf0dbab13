internal import Foundation
internal import GateLink
internal import GateLinkTransport
internal import GateModel
internal import GateSettings

/// Makes the folder of a new node.
///
/// | path | what | mode |
/// | --- | --- | --- |
/// | `quantumgate.yaml` | local settings | 0644 |
/// | `data/node.sqlite` | database; the sealed identity is in it | 0600 |
/// | `secrets/vault.key` | opens the identity: 32 random bytes in hexadecimal | 0600 |
/// | `authority/` | signs link credentials; the operator's | 0700 |
/// | `credentials/NAME/` | link credential of one process | 0700 |
/// | `run/` | lock and state of a running node | 0700 |
enum NodeFolder {
    /// Makes everything, or nothing that stays: what was made is removed again where a step fails.
    static func create(_ settings: LocalSettings) async throws -> NodeUUID {
        let files = FileManager.default
        let existed = files.fileExists(atPath: settings.directory)
        for path in [settings.file, settings.databasePath, settings.vaultKeyPath, settings.authorityDirectory]
        where files.fileExists(atPath: path) {
            printNote("Refused: \(path) is there already; a node is never overwritten.")
            throw CommandExit.refused
        }
        do {
            return try await fill(settings)
        } catch {
            for part in existed ? parts : [""] {
                try? files.removeItem(atPath: "\(settings.directory)/\(part)")
            }
            throw error
        }
    }

    private static let parts = [LocalSettings.fileName, "data", "secrets", "authority", "credentials", "run"]

    private static func fill(_ settings: LocalSettings) async throws -> NodeUUID {
        for part in ["data", "secrets", "credentials", "run"] {
            try FileManager.default.createDirectory(
                atPath: "\(settings.directory)/\(part)", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }
        let node = try await NodeIdentity.create(settings)
        let authority = try LinkAuthority.create(node: node)
        try authority.write(to: settings.authorityDirectory)
        for (role, name) in credentials(workers: settings.node.workers) {
            try authority.issue(role: role, name: name).write(to: settings.credentialDirectory(name))
        }
        try SettingsText.yaml(of: settings).write(toFile: settings.file, atomically: true, encoding: .utf8)
        return node
    }

    /// Makes the credentials of kernel workers that have none yet, where `node.workers` was raised after `init`.
    static func addKernelCredentials(_ settings: LocalSettings) throws {
        let names = (0..<settings.node.workers).map { LocalSettings.kernelName(index: $0) }
        let missing = names.filter { !FileManager.default.fileExists(atPath: settings.credentialDirectory($0)) }
        guard !missing.isEmpty else { return }
        let authority: LinkAuthority
        do {
            authority = try LinkAuthority.load(from: settings.authorityDirectory)
        } catch {
            throw CommandFailure(
                "there is no credential of \(missing.joined(separator: ", ")) and no authority here to make one "
                    + "(\(error)): copy it here from where `quantumgate credential issue --role kernel` was run")
        }
        for name in missing {
            try authority.issue(role: .kernel, name: name).write(to: settings.credentialDirectory(name))
        }
    }

    /// What the processes of a node on one machine need.
    private static func credentials(workers: Int) -> [(LinkRole, String)] {
        let kernels = (0..<workers).map {
            (LinkRole.kernel, LocalSettings.kernelName(index: $0))
        }
        return [(.database, "database-1")] + kernels + [
            (.extender(ShippedExtender.socks5), NodeIdentity.socks5Name), (.operator, OperatorLink.author),
        ]
    }
}
