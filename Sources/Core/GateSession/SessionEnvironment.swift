package import GateAccess
package import GateCrypto
package import GateModel
package import GateWire

/// Who a worker is towards peers: its static key, the certificate for it, and the node that both speak for.
///
/// Immutable; a renewed certificate is a new value for the sessions that begin after it.
package final class WorkerCredentials: Sendable {
    /// The node that the certificate names.
    package let node: NodeUUID
    /// The worker's X25519 key pair.
    package let staticKey: StaticKey
    /// The certificate's bytes, as they travel.
    package let certificate: [UInt8]
    /// What handshakes are signed with; where the certificate names such a key, and only there.
    package let postQuantumKey: PostQuantumKey?

    package init(
        node: NodeUUID, staticKey: StaticKey, certificate: [UInt8], postQuantumKey: PostQuantumKey? = nil
    ) {
        self.postQuantumKey = postQuantumKey
        self.node = node
        self.staticKey = staticKey
        self.certificate = certificate
    }
}

/// How an initiator appears to the other side.
package enum Presence: Sendable {
    /// With its node's name, proven.
    case mutual(WorkerCredentials)
    /// Without a name.
    case anonymous
}

/// What the handshakes and sessions of one event loop share. Belongs to that loop, as its slab does.
package final class SessionEnvironment {
    /// This node. A peer that claims the same name is refused.
    package let node: NodeUUID
    /// What responders answer with; replaced when the certificate is renewed.
    package var credentials: WorkerCredentials
    /// The network's global shared secret, where it has one: for whoever connects, and who is dialled.
    package var sharedSecret: SharedSecret?
    /// Nodes of other networks, by the secret that they are dialled with in place of it; with none, where there is none.
    package var otherSecrets: [NodeUUID: SharedSecret?] = [:]
    /// Versions of the protocol that are offered and accepted.
    package let versions: PeerVersions
    /// Suites that are offered and accepted. Applies to connections that begin after a change.
    package var suites: SuitePreferences
    /// Open sessions follow a change with what they send or hear next; what says when keys are replaced
    /// counts from the next epoch on.
    package var settings: SessionSettings
    /// What all sessions sealed so far.
    package internal(set) var traffic = TrafficCount()
    /// What work the peers of all sessions made of late.
    var work = WorkAllowance(sessionCount: WorkAllowance.sessionsPerLoop)
    /// How hard a puzzle openings are answered with.
    package var puzzleLoad = PuzzleLoad()
    /// What became of puzzles so far.
    package internal(set) var puzzles = PuzzleCount()
    /// Where keys live.
    package let slab: SecretSlab
    /// Seeds, lengths of padding, noise and pieces, and moments.
    package var random: FastRandom
    /// Certificates that were found right, so that a peer that returns costs no verification.
    package var knownSignatures = KnownSignatures()
    /// What handshakes and key updates draw.
    package let entropy: HandshakeEntropy
    /// Remembers the seed of a flight of a minute; `false` where it was seen before. One ``SeedWindow`` serves all event
    /// loops of a worker: the driver locks it.
    package let remember: (_ seed: FlightSeed, _ minute: Int64, _ now: Int64) -> Bool

    package init(
        node: NodeUUID, credentials: WorkerCredentials, sharedSecret: SharedSecret? = nil,
        versions: PeerVersions = .spoken, suites: SuitePreferences = .everything,
        settings: SessionSettings = SessionSettings(), slab: SecretSlab,
        random: consuming FastRandom, entropy: HandshakeEntropy = .system,
        remember: @escaping (_ seed: FlightSeed, _ minute: Int64, _ now: Int64) -> Bool
    ) {
        self.node = node
        self.credentials = credentials
        self.sharedSecret = sharedSecret
        self.versions = versions
        self.suites = suites
        self.settings = settings
        self.slab = slab
        self.random = random
        self.entropy = entropy
        self.remember = remember
    }

    /// The secret that a node is dialled with.
    func secret(dialling node: NodeUUID) -> SharedSecret? { otherSecrets[node] ?? sharedSecret }

    /// How long this handshake may take: the setting less up to a fifth of it. Whoever was not understood is left then,
    /// too, so that the time tells nothing of what came.
    func handshakeTime() -> Duration {
        let longest = Int(settings.handshakeTime / .milliseconds(1))
        return .milliseconds(longest - random(in: 0...longest / 5))
    }

    /// A number of the range, each equally likely.
    func random(in range: ClosedRange<Int>) -> Int {
        range.lowerBound + Int(random.below(UInt64(range.upperBound - range.lowerBound) + 1))
    }
}
