import GateCrypto
import GateModel
import GateSession
import GateStore
import GateTransport
import Logging
import NIOCore

/// The worker's right to speak for its node: keys that it made itself, certified by the vault, renewed in time.
struct WorkerIdentity: Sendable {
    let name: String
    let store: any KernelStore
    let staticKey: StaticKey
    /// What it signs handshakes with; where its node's identity has an ML-DSA key, and only there.
    var postQuantumKey: PostQuantumKey?
    /// What the certificate says that this worker can do.
    var features: UInt64 = 0
    let logger: Logger

    /// Pause before a renewal that failed is tried again.
    static let retry = Duration.seconds(5)

    /// A fresh ML-DSA key, where the node's identity has one.
    static func makePostQuantumKey(for store: any KernelStore) async throws -> PostQuantumKey? {
        var bytes = ByteBuffer(bytes: try await store.identityBundle())
        guard let bundle = IdentityBundle(from: &bytes), bytes.readableBytes == 0 else {
            throw KernelFailure.certificateRefused
        }
        guard bundle.isPostQuantum else { return nil }
        do { return try PostQuantumKey() } catch { throw KernelFailure.noProtectedMemory }
    }

    /// Proves possession of the keys and gets them certified.
    func certify() async throws -> (credentials: WorkerCredentials, notAfter: UnixTime) {
        let challenge = try await store.challengeWorker(name)
        guard let proof = staticKey.provePossession(challenge: challenge.ephemeralKey, name: name) else {
            throw KernelFailure.certificateRefused
        }
        let certified = try await store.certifyWorker(
            name,
            CertificationRequest(
                challenge: challenge.id, staticKey: staticKey.publicKey, proof: proof,
                postQuantum: postQuantumProof(challenge.ephemeralKey), features: features))
        var bytes = ByteBuffer(bytes: certified.certificate)
        guard let certificate = WorkerCertificate(from: &bytes), certificate.staticKey == staticKey.publicKey,
            certificate.postQuantumKey == postQuantumKey?.publicKey, certificate.bundle.uuid == certified.node
        else { throw KernelFailure.certificateRefused }
        let credentials = WorkerCredentials(
            node: certified.node, staticKey: staticKey, certificate: certified.certificate,
            postQuantumKey: postQuantumKey)
        return (credentials, certified.notAfter)
    }

    private func postQuantumProof(_ challenge: [UInt8]) -> PostQuantumProof? {
        postQuantumKey.map { key in
            PostQuantumProof(
                key: key.publicKey,
                proof: key.provePossession(challenge: challenge, staticKey: staticKey.publicKey, name: name))
        }
    }

    /// Renews at half of what is left, until cancelled; `use` hands on the new certificate and its end.
    func run(until first: UnixTime, use: @Sendable (WorkerCredentials, UnixTime) -> Void) async {
        var notAfter = first
        while !Task.isCancelled {
            let left = max(notAfter.seconds - SystemClock.wall().seconds, 0)
            do { try await Task.sleep(for: .seconds(max(left / 2, 5))) } catch { return }
            do {
                let renewed = try await certify()
                use(renewed.credentials, renewed.notAfter)
                notAfter = renewed.notAfter
            } catch {
                logger.warning("The worker's certificate could not be renewed", metadata: ["error": "\(error)"])
                try? await Task.sleep(for: WorkerIdentity.retry)
            }
        }
    }
}
