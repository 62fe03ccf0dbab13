package import GateCrypto
package import GateModel
package import GateSession
package import GateWire
import NIOCore

/// A node's identity and one worker's surroundings, all made from a number: for tests of the peer protocol.
package struct TestNode {
    package let identity: IdentityKey
    package let environment: SessionEnvironment

    /// The node's name.
    package var node: NodeUUID { identity.bundle.uuid }
    /// The worker's credentials.
    package var credentials: WorkerCredentials { environment.credentials }

    /// The node number `number`; its certificate holds for a day from `wall`.
    package init(
        _ number: UInt8, sharedSecret: SharedSecret? = nil, versions: PeerVersions = .spoken,
        suites: SuitePreferences = .everything, settings: SessionSettings = SessionSettings(),
        wall: UnixTime = ManualClock().wall,
        entropy: HandshakeEntropy = .system
    ) throws {
        identity = try IdentityKey(seed: GuardedSecret([UInt8](repeating: number, count: 32)))
        let key = StaticKey(secret: try GuardedSecret([UInt8](repeating: number ^ 0x5a, count: 32)))
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, worker: UInt64(number), now: wall, lifetimeSeconds: 86_400)
        let window = SeedWindowBox()
        environment = SessionEnvironment(
            node: identity.bundle.uuid,
            credentials: WorkerCredentials(
                node: identity.bundle.uuid, staticKey: key, certificate: certificate.encoded),
            sharedSecret: sharedSecret, versions: versions, suites: suites, settings: settings, slab: try SecretSlab(),
            random: FastRandom(seed: [UInt8](repeating: number, count: 32)), entropy: entropy,
            remember: { window.window.remember($0, minute: $1, now: $2) })
    }
}

private final class SeedWindowBox {
    var window = SeedWindow()
}
