import GateCrypto
package import GateModel
package import GateStore

extension MemoryStore: WorkerCertifier {
    struct Challenge {
        let worker: String
        let challenge: PossessionChallenge
    }

    package func identityBundle() throws(StoreFailure) -> [UInt8] { try known().bundle.encoded }

    package func challengeWorker(_ name: String) throws(StoreFailure) -> CertificationChallenge {
        let challenge: PossessionChallenge
        do { challenge = try PossessionChallenge() } catch { throw .unavailable }
        let id = UInt64(challenges.count + 1)
        challenges[id] = Challenge(worker: name, challenge: challenge)
        return CertificationChallenge(id: id, ephemeralKey: challenge.publicKey)
    }

    package func certifyWorker(_ name: String, _ request: CertificationRequest) throws(StoreFailure) -> CertifiedWorker
    {
        guard let asked = challenges[request.challenge], asked.worker == name,
            asked.challenge.isAnswered(by: request.proof, staticKey: request.staticKey, name: name)
        else { throw .notProven }
        let identity = try known()
        guard identity.bundle.isPostQuantum == (request.postQuantum != nil) else { throw .notProven }
        if let postQuantum = request.postQuantum {
            guard
                asked.challenge.isAnswered(
                    by: postQuantum.proof, postQuantumKey: postQuantum.key, staticKey: request.staticKey, name: name)
            else { throw .notProven }
        }
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: request.staticKey, postQuantumKey: request.postQuantum?.key,
            worker: try workerID(of: name), now: now, lifetimeSeconds: 24 * 3600, features: request.features)
        return CertifiedWorker(
            node: identity.bundle.uuid, certificate: certificate.encoded, notAfter: certificate.notAfter)
    }

    package func issueRecord(endpoints: [Endpoint], isRelay: Bool) throws(StoreFailure) -> [UInt8] {
        let content = NodeRecord.Content(
            suites: [.standard], endpoints: endpoints, relays: isRelay, sequence: UInt64(clamping: clock()),
            expiry: now + 24 * 3600)
        return NodeRecord.issue(content, by: try known()).encoded
    }

    private func known() throws(StoreFailure) -> IdentityKey {
        guard let identity else { throw .notFound }
        return identity
    }
}
