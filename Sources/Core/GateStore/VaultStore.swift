package import GateModel

/// Sealed values of the node: its identity and what else only the vault opens. Never served over links.
package protocol VaultStore: Sendable {
    /// The sealed value of a name; `nil` if there is none.
    func vaultRow(_ name: String) async throws(StoreFailure) -> [UInt8]?

    /// The number of a worker's name, the same in `WorkerRow.id`; given at first asking and never to another name.
    func workerID(of name: String) async throws(StoreFailure) -> UInt64

    /// Stores a sealed value. Unless `replacing`, `.conflict` if the name is taken.
    func putVaultRow(_ name: String, _ sealed: [UInt8], replacing: Bool) async throws(StoreFailure)
}

/// What a worker must answer to prove that it holds the private half of its static key.
package struct CertificationChallenge: Sendable, Equatable {
    /// Names the challenge; good for one answer, for `lifetime`.
    package let id: UInt64
    /// The vault's X25519 key of this challenge.
    package let ephemeralKey: [UInt8]

    /// Bytes of the key.
    package static let keyBytes = 32
    /// How long a challenge can be answered.
    package static let lifetime = Duration.seconds(30)

    package init(id: UInt64, ephemeralKey: [UInt8]) {
        self.id = id
        self.ephemeralKey = ephemeralKey
    }
}

/// A worker's answer.
package struct CertificationRequest: Sendable, Equatable {
    /// The challenge that is answered.
    package let challenge: UInt64
    /// The worker's X25519 static public key.
    package let staticKey: [UInt8]
    /// HMAC-SHA256 under what static and ephemeral key agree on; see `PossessionChallenge`.
    package let proof: [UInt8]
    /// The worker's ML-DSA key, where the identity has one; `nil` where it has none.
    package let postQuantum: PostQuantumProof?
    /// Feature bits to certify.
    package let features: UInt64

    package init(
        challenge: UInt64, staticKey: [UInt8], proof: [UInt8], postQuantum: PostQuantumProof? = nil, features: UInt64
    ) {
        self.challenge = challenge
        self.staticKey = staticKey
        self.proof = proof
        self.postQuantum = postQuantum
        self.features = features
    }
}

/// A worker's ML-DSA-65 public key, and that it has the private one.
package struct PostQuantumProof: Sendable, Equatable {
    /// The public key.
    package let key: [UInt8]
    /// Its signature of the challenge; see `PossessionChallenge`.
    package let proof: [UInt8]

    package init(key: [UInt8], proof: [UInt8]) {
        self.key = key
        self.proof = proof
    }
}

/// A worker's certificate as the vault issued it.
package struct CertifiedWorker: Sendable, Equatable {
    /// Whose worker it is.
    package let node: NodeUUID
    /// The certificate, encoded.
    package let certificate: [UInt8]
    /// When it ends; renew at half of the time till then.
    package let notAfter: UnixTime

    package init(node: NodeUUID, certificate: [UInt8], notAfter: UnixTime) {
        self.node = node
        self.certificate = certificate
        self.notAfter = notAfter
    }
}

/// What the holder of the node's identity does for workers. Their names are what their links proved.
package protocol WorkerCertifier: Sendable {
    /// The node's identity bundle, encoded.
    func identityBundle() async throws(StoreFailure) -> [UInt8]

    /// Begins a certification under the caller's name.
    func challengeWorker(_ name: String) async throws(StoreFailure) -> CertificationChallenge

    /// Certifies keys whose possession is proven, else `.notProven`; also where there is an ML-DSA key and the identity has
    /// none, or the other way round.
    func certifyWorker(_ name: String, _ request: CertificationRequest) async throws(StoreFailure) -> CertifiedWorker

    /// A freshly signed record that says where this node listens and whether it relays.
    func issueRecord(endpoints: [Endpoint], isRelay: Bool) async throws(StoreFailure) -> [UInt8]
}
