package import GateCrypto
package import GateLinkTransport
package import GateModel
package import GateSettings
package import GateWire

/// What a worker is told at its start; what all workers of a node share is in the database instead.
package struct KernelConfiguration: Sendable {
    /// Its name among the node's workers, as its link credential says: `kernel-1`.
    package var name: String
    /// The node that it works for.
    package var node: NodeUUID
    /// Where peers connect; literal addresses. Empty: nobody can (a client).
    package var peerEndpoints: [Endpoint]
    /// Whether other workers on this machine listen at the same addresses.
    package var sharesPeerEndpoints = false
    /// Load balancers whose PROXY header stands before each connection; empty: connections come from peers themselves.
    package var proxyNetworks: [AddressBlock] = []
    /// Where peers are told to connect; empty: `peerEndpoints`.
    package var advertisedEndpoints: [Endpoint] = []
    /// Where extenders attach over TCP; `nil`: only those in this process.
    package var linkEndpoint: Endpoint?
    /// Where extenders are told to attach.
    package var linkAdvertisement = LinkAdvertisement.auto
    /// Where the database service is, to know this machine's address on the way to it; `nil` where it is in this process.
    package var databaseEndpoint: Endpoint?
    /// Its link credential; needed with `linkEndpoint`.
    package var credential: LinkCredentialSource?
    /// Where its metrics are, for the registry; empty where nowhere.
    package var adminAddress = ""
    /// The network's global shared secret.
    package var sharedSecret: SharedSecret?
    /// Nodes of other networks, by the secret that they are dialled with in place of it, or `nil` for none.
    package var otherSecrets: [NodeUUID: SharedSecret?] = [:]
    /// Versions of the peer protocol that it speaks.
    package var versions = PeerVersions.spoken
    /// Whether sessions whose connection broke may go on at any worker of the node, also after this one's end.
    package var resumesSessions = false

    package init(name: String, node: NodeUUID, peerEndpoints: [Endpoint]) {
        self.name = name
        self.node = node
        self.peerEndpoints = peerEndpoints
    }
}

/// Why a worker could not begin.
package enum KernelFailure: Error, CustomStringConvertible {
    /// The database did not answer within the time given.
    case databaseUnavailable(String)
    /// The vault's certificate is not for this worker's key.
    case certificateRefused
    /// An address could not be bound.
    case cannotListen(Endpoint, String)
    /// Protected memory could not be had.
    case noProtectedMemory

    package var description: String {
        switch self {
        case .databaseUnavailable(let reason): "The database service does not serve this worker: \(reason)"
        case .certificateRefused: "The vault's certificate is not for this worker's key"
        case .cannotListen(let endpoint, let reason):
            "Cannot listen on \(endpoint): \(reason). Is another process there? 'quantumgate doctor' looks."
        case .noProtectedMemory: "No guarded memory for keys could be had; raise the memory limit of the process"
        }
    }
}
