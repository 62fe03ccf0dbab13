package import GateCrypto
package import GateModel
package import GateStore

/// Holds the node's identity, opened with the vault key, and speaks for it: certifies workers, signs records.
///
/// The identity's private key is in guarded memory here and sealed in the store's row `identity`; nowhere else.
package actor IdentityVault {
    /// The node whose identity this is.
    package nonisolated let node: NodeUUID
    /// Its public keys.
    package nonisolated let bundle: IdentityBundle

    private struct Challenge {
        let worker: String
        let challenge: PossessionChallenge
        let endsAt: Int64
    }

    private let identity: IdentityKey
    /// Seals and opens what else the vault keeps in the store.
    let key: GuardedSecret
    let store: any VaultStore & SettingsStore & SessionStore
    private let clock: StoreClock
    private var challenges: [UInt64: Challenge] = [:]
    private var lastChallenge: UInt64 = 0

    /// Challenges that may wait for their answers; each takes guarded pages. The oldest goes first.
    package static let challengesMax = 64

    static let row = "identity"

    /// Makes a fresh identity, with an ML-DSA key where wanted, and stores it sealed; `.conflict` if the store has one.
    package static func initialise(
        in store: any VaultStore, key: GuardedSecret, isPostQuantum: Bool = false
    ) async throws(StoreFailure) -> NodeUUID {
        let identity: IdentityKey
        do { identity = try IdentityKey.generate(isPostQuantum: isPostQuantum) } catch { throw .unavailable }
        return try await keep(identity, in: store, key: key)
    }

    /// Stores an identity, sealed; `.conflict` if the store has one.
    static func keep(
        _ identity: IdentityKey, in store: any VaultStore, key: GuardedSecret
    ) async throws(StoreFailure) -> NodeUUID {
        let sealed: [UInt8]
        do { sealed = try identity.sealed(with: key) } catch { throw .unavailable }
        try await store.putVaultRow(row, sealed, replacing: false)
        return identity.bundle.uuid
    }

    /// Opens the identity: `.notFound` without one, `.wrongVaultKey` if the key does not open it, `.damaged` if the
    /// row is none.
    package init(
        opening store: any VaultStore & SettingsStore & SessionStore, key: GuardedSecret, clock: @escaping StoreClock
    ) async throws(StoreFailure) {
        let identity = try await IdentityVault.identity(in: store, key: key)
        self.identity = identity
        self.key = key
        self.store = store
        self.clock = clock
        bundle = identity.bundle
        node = identity.bundle.uuid
    }

    /// The identity, sealed with another key, for an export.
    func sealedIdentity(with key: GuardedSecret) throws(StoreFailure) -> [UInt8] {
        do { return try identity.sealed(with: key) } catch { throw .unavailable }
    }

    static func identity(in store: any VaultStore, key: GuardedSecret) async throws(StoreFailure) -> IdentityKey {
        guard let sealed = try await store.vaultRow(row) else { throw .notFound }
        do throws(VaultFailure) {
            return try IdentityKey(unsealing: sealed, with: key)
        } catch {
            switch error {
            case .notAuthentic: throw .wrongVaultKey
            case .malformed: throw .damaged("the identity's row in the vault is none")
            case .memory: throw .unavailable
            }
        }
    }
}

extension IdentityVault: WorkerCertifier {
    package func identityBundle() -> [UInt8] { bundle.encoded }

    package func challengeWorker(_ name: String) async throws(StoreFailure) -> CertificationChallenge {
        try checkName(name)
        let challenge: PossessionChallenge
        do { challenge = try PossessionChallenge() } catch { throw .unavailable }
        let now = clock()
        challenges = challenges.filter { $0.value.endsAt > now }
        if challenges.count >= IdentityVault.challengesMax, let oldest = challenges.keys.min() {
            challenges[oldest] = nil
        }
        lastChallenge += 1
        challenges[lastChallenge] = Challenge(
            worker: name, challenge: challenge, endsAt: now + CertificationChallenge.lifetime.wholeMilliseconds)
        return CertificationChallenge(id: lastChallenge, ephemeralKey: challenge.publicKey)
    }

    package func certifyWorker(_ name: String, _ request: CertificationRequest)
        async throws(StoreFailure) -> CertifiedWorker
    {
        // Taken out first: a challenge serves one answer, right or wrong.
        guard let asked = challenges.removeValue(forKey: request.challenge), asked.worker == name,
            asked.endsAt > clock(), request.staticKey.count == CertificationChallenge.keyBytes,
            asked.challenge.isAnswered(by: request.proof, staticKey: request.staticKey, name: name),
            bundle.isPostQuantum == (request.postQuantum != nil),
            request.postQuantum.map({ asked.challenge.isAnswered(by: $0, of: request, name: name) }) ?? true
        else { throw .notProven }
        let worker = try await store.workerID(of: name)
        let lifetime = try await store.values()[NodeSettings.certificateLifetime]
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: request.staticKey, postQuantumKey: request.postQuantum?.key, worker: worker,
            now: now, lifetimeSeconds: lifetime.components.seconds, features: request.features)
        return CertifiedWorker(node: node, certificate: certificate.encoded, notAfter: certificate.notAfter)
    }

    package func issueRecord(endpoints: [Endpoint], isRelay: Bool) async throws(StoreFailure) -> [UInt8] {
        try PeerEdit(endpoints: endpoints).check()
        let values = try await store.values()
        let content = NodeRecord.Content(
            suites: suites(values), endpoints: endpoints, relays: isRelay,
            sequence: UInt64(clamping: clock()), expiry: now + values[NodeSettings.recordLifetime].components.seconds)
        return NodeRecord.issue(content, by: identity).encoded
    }

    private var now: UnixTime { UnixTime(seconds: clock() / 1000) }
}

extension PossessionChallenge {
    fileprivate func isAnswered(by postQuantum: PostQuantumProof, of request: CertificationRequest, name: String)
        -> Bool
    {
        isAnswered(
            by: postQuantum.proof, postQuantumKey: postQuantum.key, staticKey: request.staticKey, name: name)
    }
}

/// The suites that the settings take, in their order.
private func suites(_ values: NodeSettingValues) -> [NoiseSuite] {
    let names = values.suiteNames
    return (SuitePreferences(kems: names.kems, ciphers: names.ciphers, hashes: names.hashes) ?? .everything).suites
}
