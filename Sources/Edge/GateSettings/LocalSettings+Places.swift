internal import Foundation
package import GateModel

/// Where things are in a node's folder and which ports follow from the settings.
extension LocalSettings {
    /// Name of the settings file in a node's folder.
    package static let fileName = "quantumgate.yaml"

    /// The settings file.
    package var file: String { "\(directory)/\(LocalSettings.fileName)" }
    /// SQLite's file, absolute.
    package var databasePath: String { absolute(database.path) }
    /// The file with PostgreSQL's password, absolute.
    package var databasePasswordPath: String? { database.passwordFile.map(absolute) }
    /// The vault key's file, absolute.
    package var vaultKeyPath: String { absolute(database.vaultKeyFile) }
    /// The shared secret's file, absolute.
    package var sharedSecretPath: String? { peers.sharedSecretFile.map(absolute) }
    /// The files with secrets of other networks, absolute, by the node that is dialled with one; `nil`: with none.
    package var otherSecretPaths: [NodeUUID: String?] { peers.otherSecretFiles.mapValues { $0.map(absolute) } }
    /// Where `init` puts a new secret, absolute.
    package static let sharedSecretFileName = "secrets/network.key"
    /// The link authority's folder: `certificate.pem` and `key.pem`.
    package var authorityDirectory: String { "\(directory)/authority" }
    /// What the supervisor tells `status`.
    package var nodeStatePath: String { "\(directory)/run/node.json" }

    /// The folder of a link credential: `certificate.pem`, `key.pem`, `authority.pem`.
    package func credentialDirectory(_ name: String) -> String { "\(directory)/credentials/\(name)" }

    /// The name of the credential where there is only one, as in a folder for another host.
    package var soleCredential: String? {
        let names = try? FileManager.default.contentsOfDirectory(atPath: "\(directory)/credentials")
        let visible = (names ?? []).filter { !$0.hasPrefix(".") }
        return visible.count == 1 ? visible.first : nil
    }

    /// `path` itself where it is absolute, else below the node's folder.
    package func absolute(_ path: String) -> String { path.hasPrefix("/") ? path : "\(directory)/\(path)" }

    /// Where the `index`th worker (from 0) takes links; port 0 stays 0.
    package func kernelLink(index: Int) -> Endpoint { kernel.link.moved(by: index) }

    /// Where the `index`th worker (from 0) shows metrics and health; port 0 stays 0.
    package func kernelAdmin(index: Int) -> Endpoint { kernel.admin.moved(by: index == 0 ? 0 : index + 9) }

    /// The index (from 0) of the worker called `kernel-1`, `kernel-2`, …; `nil` for any other name.
    package static func kernelIndex(ofName name: String) -> Int? {
        guard name.hasPrefix("kernel-"), let number = Int(name.dropFirst("kernel-".count)),
            NodeLocalSettings.workersRange.contains(number), name == kernelName(index: number - 1)
        else { return nil }
        return number - 1
    }

    /// `kernel-1` for index 0, and so on.
    package static func kernelName(index: Int) -> String { "kernel-\(index + 1)" }

    /// Moves every port, so that several nodes live on one machine: peers at `base`, kernel links from `base + 10`,
    /// database `+ 20`, admin `+ 30` to `+ 49`, SOCKS5 `+ 80`.
    package mutating func derivePorts(from base: UInt16) {
        peers.listen = peers.listen.map { Endpoint(host: $0.host, port: base) }
        kernel.link = Endpoint(host: kernel.link.host, port: base + 10)
        database.link = Endpoint(host: database.link.host, port: base + 20)
        kernel.admin = Endpoint(host: kernel.admin.host, port: base + 30)
        database.admin = Endpoint(host: database.admin.host, port: base + 31)
        socks5.admin = Endpoint(host: socks5.admin.host, port: base + 32)
        socks5.listen = Endpoint(host: socks5.listen.host, port: base + 80)
    }

    /// The highest base that ``derivePorts(from:)`` takes.
    package static let portBaseMax: UInt16 = 65_400
}

extension Endpoint {
    fileprivate func moved(by distance: Int) -> Endpoint {
        port == 0 ? self : Endpoint(host: host, port: UInt16(clamping: Int(port) + distance))
    }
}
