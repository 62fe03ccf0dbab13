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

    init() throws {
        credentials = try BenchIdentity.credentials(with: StaticKey())
    }

    /// Of a node of its own; nodes may share the static key, which makes many of them cheap.
    static func credentials(with key: StaticKey) throws -> WorkerCredentials {
        let identity = try IdentityKey.generate()
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, worker: 1, now: GateTransport.SystemClock.wall(),
            lifetimeSeconds: BenchIdentity.lifetimeSeconds)
        return WorkerCredentials(node: identity.bundle.uuid, staticKey: key, certificate: certificate.encoded)
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
