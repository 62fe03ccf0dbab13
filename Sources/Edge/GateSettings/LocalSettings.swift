package import GateModel
package import GateTelemetry

/// What is set per machine, in the node folder's `quantumgate.yaml` with `QUANTUMGATE_…` in the environment over it.
///
/// What all workers of a node share is set in the database instead (`quantumgate settings`). All defaults are the ones
/// written here. Paths are absolute once loaded; in the file they are relative to the node's folder.
package struct LocalSettings: Equatable, Sendable {
    /// The node's folder, absolute; everything that `init` made is in there.
    package var directory: String

    package var node = NodeLocalSettings()
    package var peers = PeerListenSettings()
    package var kernel = KernelLocalSettings()
    package var database = DatabaseLocalSettings()
    package var socks5 = Socks5LocalSettings()
    package var admin = AdminSettings()
    package var log = LogSettings()
    /// Further extenders that `quantumgate node` starts: name ↦ path of the program.
    package var extenders: [String: String] = [:]

    package init(directory: String) { self.directory = directory }
}

/// What `quantumgate node` starts on this machine.
package struct NodeLocalSettings: Equatable, Sendable {
    /// Kernel workers; each is a process with its own event loops.
    package var workers = 1

    package static let workersRange = 1...10
}

/// Where other nodes connect.
package struct PeerListenSettings: Equatable, Sendable {
    /// Addresses that every kernel worker listens on (they share them).
    package var listen = [Endpoint(host: "0.0.0.0", port: 7700), Endpoint(host: "::", port: 7700)]
    /// Addresses under which other nodes reach this one; what `card` prints. Empty: taken from `listen`.
    package var advertise: [Endpoint] = []
    /// File with the network's global shared secret (64 hexadecimal digits, or a passphrase); `nil`: none.
    package var sharedSecretFile: String?
    /// Nodes of other networks ↦ file with the secret of theirs, which they are dialled with in place of ours, or `nil`
    /// where theirs has none.
    package var otherSecretFiles: [NodeUUID: String?] = [:]

    /// Load balancers that put a PROXY header before each connection; empty: none does. Where there are some, whoever
    /// connects from elsewhere, or without a header, is turned away.
    package var proxyFrom: [AddressBlock] = []

    /// The newest version of the peer protocol that workers here speak.
    package var newestVersion = 2

    package static let listenCountMax = 8
    package static let otherSecretCountMax = 64
    package static let proxyCountMax = 64
    package static let versionsRange = 1...2
}

/// A kernel worker on this machine.
package struct KernelLocalSettings: Equatable, Sendable {
    /// Where worker 1 takes links of extenders; worker n listens n − 1 ports further.
    package var link = Endpoint(host: "127.0.0.1", port: 7710)
    /// Where extenders are told to attach; the port moves with `link`'s where none is given.
    package var advertise = LinkAdvertisement.auto
    /// Metrics and health of worker 1; worker n > 1 is at n + 8 ports further.
    package var admin = Endpoint(host: "127.0.0.1", port: 7730)
    /// Event loops of each worker; 0: its share of the processors.
    package var eventLoops = 0

    package static let eventLoopsRange = 0...256
}

/// The database service on this machine, and where others find it.
package struct DatabaseLocalSettings: Equatable, Sendable {
    /// What keeps the data.
    package enum Kind: String, CaseIterable, Sendable {
        /// One file; for a node on a single machine.
        case sqlite
        /// A database on a server, for any number of database services.
        case postgresql
    }

    package var kind = Kind.sqlite
    /// SQLite's file.
    package var path = "data/node.sqlite"
    /// PostgreSQL's URL, without a password; several hosts for a primary with standbys.
    package var url: String?
    /// File with the password of PostgreSQL's role, read at each connect; `nil`: none is needed.
    package var passwordFile: String?
    /// Whether a PostgreSQL on another machine need not prove itself by a certificate. The connection may then be read
    /// and changed on its way.
    package var allowPlain = false
    /// File with the key under which the vault's secrets are encrypted.
    package var vaultKeyFile = "secrets/vault.key"
    /// Where the database service on this machine takes links.
    package var link = Endpoint(host: "127.0.0.1", port: 7720)
    /// Where kernels, extenders and commands dial the replicas of the database service; empty: at `link`.
    package var endpoints: [Endpoint] = []
    /// Metrics and health of the database service.
    package var admin = Endpoint(host: "127.0.0.1", port: 7731)

    package static let endpointCountMax = 16

    /// Where to dial: `endpoints`, or `link` where there are none.
    package var dialled: [Endpoint] { endpoints.isEmpty ? [link] : endpoints }
}

/// The SOCKS5 extender on this machine.
package struct Socks5LocalSettings: Equatable, Sendable {
    /// Whether `quantumgate node` starts it.
    package var enabled = true
    /// Where programs on this machine connect.
    package var listen = Endpoint(host: "127.0.0.1", port: 1080)
    /// Metrics and health of the extender.
    package var admin = Endpoint(host: "127.0.0.1", port: 7732)
}

/// The admin ports of every program: metrics, health and status over HTTP, without authentication.
package struct AdminSettings: Equatable, Sendable {
    /// Whether admin ports may be on other addresses than loopback; then `/status`, which names sessions and peers, is
    /// not served.
    package var exposed = false
}

/// Logs of every program, on standard error.
package struct LogSettings: Equatable, Sendable {
    package var level = LogThreshold.info
    package var format = LogFormat.text
}
