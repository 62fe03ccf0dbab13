internal import Foundation
internal import GateKernel
internal import GateLink
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import Glibc

/// Makes the folder of a new node.
///
/// | path | what | mode |
/// | --- | --- | --- |
/// | `quantumgate.yaml` | local settings | 0644 |
/// | `data/node.sqlite` | database; the sealed identity is in it | 0600 |
/// | `secrets/vault.key` | opens the identity: 32 random bytes in hexadecimal | 0600 |
/// | `secrets/network.key` | the network's shared secret, where it is wanted: as `vault.key` | 0600 |
/// | `authority/` | signs link credentials; the operator's | 0700 |
/// | `credentials/NAME/` | link credential of one process | 0700 |
/// | `run/` | lock and state of a running node | 0700 |
enum NodeFolder {
    /// Makes everything, or nothing that stays. The node is made in a folder of this run's own inside and moved in place
    /// at the end, so nothing that somebody else made is ever removed, and of two runs at once one is refused.
    /// `withSharedSecret` makes a secret, too, where the settings name its file; a file that is named and not made has to
    /// do. With `isPostQuantum` the identity has an ML-DSA key.
    static func create(
        _ settings: LocalSettings, withSharedSecret: Bool = false, isPostQuantum: Bool = false
    ) async throws -> NodeUUID {
        if !withSharedSecret, let path = settings.sharedSecretPath { _ = try SharedSecretFile.load(from: path) }
        let directory = settings.directory
        for part in parts where FileManager.default.fileExists(atPath: "\(directory)/\(part)") {
            throw refusal(of: "\(directory)/\(part)")
        }
        try makeFolder(directory)
        let draft = "\(directory)/.init-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        do {
            try makeFolder(draft)
            let node = try await fill(
                settings, withSharedSecret: withSharedSecret, isPostQuantum: isPostQuantum, in: draft)
            try moveParts(from: draft, to: directory)
            rmdir(draft)
            return node
        } catch {
            try? FileManager.default.removeItem(atPath: draft)
            rmdir(directory)  // goes only where nothing is in it
            throw error
        }
    }

    /// What a node's folder holds; the first is what two runs at once compete for.
    private static let parts = ["secrets", "data", "authority", "credentials", "run", LocalSettings.fileName]

    private static func fill(
        _ settings: LocalSettings, withSharedSecret: Bool, isPostQuantum: Bool, in draft: String
    ) async throws -> NodeUUID {
        var settings = settings
        settings.directory = draft
        for part in ["data", "secrets", "credentials", "run"] { try makeFolder("\(draft)/\(part)") }
        if withSharedSecret, let path = settings.sharedSecretPath { try SharedSecretFile.create(at: path) }
        let node = try await NodeIdentity.create(settings, isPostQuantum: isPostQuantum)
        let authority = try LinkAuthority.create(node: node)
        try authority.write(to: settings.authorityDirectory)
        try await NodeIdentity.keep(authority, settings)
        for (role, name) in credentials(workers: settings.node.workers) {
            try authority.issue(role: role, name: name).write(to: settings.credentialDirectory(name))
        }
        try SettingsText.yaml(of: settings).write(toFile: settings.file, atomically: true, encoding: .utf8)
        return node
    }

    private static func makeFolder(_ path: String) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    /// Moves every part, or none.
    private static func moveParts(from draft: String, to directory: String) throws {
        var moved: [String] = []
        do {
            for part in parts {
                try move("\(draft)/\(part)", to: "\(directory)/\(part)")
                moved.append(part)
            }
        } catch {
            for part in moved { rename("\(directory)/\(part)", "\(draft)/\(part)") }
            throw error
        }
    }

    /// Never over anything but an empty folder: `rename` refuses a folder with something in it, `link` any file.
    private static func move(_ part: String, to place: String) throws {
        let isFile = place.hasSuffix(LocalSettings.fileName)
        guard (isFile ? link(part, place) : rename(part, place)) == 0 else {
            let number = errno
            if number == EEXIST || number == ENOTEMPTY || number == ENOTDIR { throw refusal(of: place) }
            throw CommandFailure("\(place): \(String(cString: strerror(number)))")
        }
        if isFile { unlink(part) }
    }

    private static func refusal(of path: String) -> any Error {
        printNote("Refused: \(path) is there already; a node is never overwritten.")
        return CommandExit.refused
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
