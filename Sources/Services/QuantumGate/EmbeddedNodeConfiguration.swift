public import GateExtenderKit
@_exported public import GateModel
public import Logging

/// What an embedded node is told at its start. The defaults make a client that nobody can connect to.
public struct EmbeddedNodeConfiguration: Sendable {
    /// Where a node's identity, peers and settings are between two starts.
    public enum Storage: Sendable {
        /// In this folder: the database in `data/node.sqlite`, its key in `secrets/vault.key`, as `quantumgate init`
        /// makes them. Made, with a new identity, where neither is there; a database without its key is refused. One node
        /// at a time, `quantumgate node` included, until ``EmbeddedNode/run()`` ends or the node is gone.
        case directory(String)
        /// With the host program, as one value from ``EmbeddedNode/export(sealedWith:)`` under the host's 32-byte key;
        /// a value that came from elsewhere is refused. While the node lives, a folder among the system's temporary
        /// files holds its database, the identity in it sealed with a key that is in memory only.
        case host(export: [UInt8], key: [UInt8])
        /// A new identity. It is gone with the node unless the host keeps an export.
        case new
    }

    /// Where identity, peers and settings are kept.
    public var storage: Storage
    /// Where peers connect; literal addresses, port 0 for one that the system chooses. Empty: a client only.
    public var listen: [Endpoint] = []
    /// Peers that may connect and can be dialled at their addresses; added to those that are kept.
    public var peers: [NodeAddress] = []
    /// Peers that may connect but whose addresses are not known; added to those that are kept.
    public var allowedPeers: [NodeUUID] = []
    /// Whether initiators that show no identity may open sessions with this node; `nil`: as it was, at first not.
    public var acceptsAnonymous: Bool?
    /// Whether this node carries circuits of peers that may connect to it; `nil`: as it was, at first not.
    public var relays: Bool?
    /// Services of this process; none twice, and each with another name.
    public var extenders: [any Extender] = []
    /// The network's global shared secret, 32 random bytes; `nil` where the network has none.
    public var sharedSecret: [UInt8]?
    /// Nodes of other networks, by the secret of theirs (32 random bytes, or `nil` where it has none) that they are
    /// dialled with in place of ours.
    public var otherSecrets: [NodeUUID: [UInt8]?] = [:]
    /// Threads that carry the node's traffic, at least 1.
    public var eventLoopCount = 1
    /// Takes what the node logs; nothing by default. Neither secrets nor payloads are logged.
    public var logger = Logger(label: "quantumgate") { _ in SwiftLogNoOpLogHandler() }

    /// A client with no extenders.
    public init(storage: Storage) { self.storage = storage }
}
