import GateCrypto
import GateModel
import GateSession
import GateTransport
import NIOCore
import Synchronization

/// A worker without a database: an identity and a certificate made for this run.
final class BenchIdentity: Sendable {
    let credentials: WorkerCredentials
    private let seeds = Mutex(SeedWindow())

    private static let lifetimeSeconds: Int64 = 3600

    init(isPostQuantum: Bool = false) throws {
        credentials = try BenchIdentity.credentials(
            with: StaticKey(), isPostQuantum ? PostQuantumKey() : nil)
    }

    /// Of a node of its own, with ML-DSA where there is such a key; nodes may share the static key, which makes many of
    /// them cheap.
    static func credentials(
        with key: StaticKey, _ postQuantumKey: PostQuantumKey? = nil
    ) throws -> WorkerCredentials {
        let identity = try IdentityKey.generate(isPostQuantum: postQuantumKey != nil)
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, postQuantumKey: postQuantumKey?.publicKey, worker: 1,
            now: GateTransport.SystemClock.wall(),
            lifetimeSeconds: BenchIdentity.lifetimeSeconds)
        return WorkerCredentials(
            node: identity.bundle.uuid, staticKey: key, certificate: certificate.encoded,
            postQuantumKey: postQuantumKey)
    }

    /// What the sessions of one event loop share.
    func environment() throws -> SessionEnvironment {
        SessionEnvironment(
            node: credentials.node, credentials: credentials, slab: try SecretSlab(), random: FastRandom(),
            remember: { seed, minute, now in
                self.seeds.withLock { $0.remember(seed, minute: minute, now: now) }
            })
    }
}
