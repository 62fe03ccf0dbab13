internal import Foundation
internal import GateLinkTransport
internal import GateModel
internal import GateSettings

/// Makes the folder with which one program runs on a host of its own: its credential and where the database service is.
/// Nothing of the node's secrets is in it.
enum HostFolder {
    static func create(
        _ folder: String, credential: IssuedCredential, name: String, databases: [Endpoint]
    ) throws {
        let settings = LocalSettings(directory: folder)
        try FileManager.default.createDirectory(
            atPath: "\(folder)/credentials", withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700])
        try credential.write(to: settings.credentialDirectory(name))
        try text(databases).write(toFile: settings.file, atomically: true, encoding: .utf8)
    }

    /// The whole settings file.
    static func text(_ databases: [Endpoint]) -> String {
        let endpoints = databases.map { "    - \"\($0)\"\n" }.joined()
        return """
            # Settings of one program of a QuantumGate node on a host of its own. Every other key has its default.
            database:
              endpoints:
            \(endpoints)
            """
    }
}
