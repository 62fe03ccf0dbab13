import GateAccess
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

    /// The node number `number`; its certificate holds for a day from `wall`. With `isPostQuantum` it is another node, with
    /// an ML-DSA identity and worker's key.
    package init(
        _ number: UInt8, sharedSecret: SharedSecret? = nil, versions: PeerVersions = .spoken,
        suites: SuitePreferences = .everything, settings: SessionSettings = SessionSettings(),
        wall: UnixTime = ManualClock().wall,
        entropy: HandshakeEntropy = .system, isPostQuantum: Bool = false
    ) throws {
        identity = try .made(of: number, isPostQuantum: isPostQuantum)
        let key = StaticKey(secret: try GuardedSecret([UInt8](repeating: number ^ 0x5a, count: 32)))
        let postQuantumKey =
            try isPostQuantum
            ? PostQuantumKey(seed: GuardedSecret([UInt8](repeating: number ^ 0x3c, count: 32))) : nil
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, postQuantumKey: postQuantumKey?.publicKey, worker: UInt64(number),
            now: wall, lifetimeSeconds: 86_400)
        let window = SeedWindowBox()
        environment = SessionEnvironment(
            node: identity.bundle.uuid,
            credentials: WorkerCredentials(
                node: identity.bundle.uuid, staticKey: key, certificate: certificate.encoded,
                postQuantumKey: postQuantumKey),
            sharedSecret: sharedSecret, versions: versions, suites: suites, settings: settings, slab: try SecretSlab(),
            random: FastRandom(seed: [UInt8](repeating: number, count: 32)), entropy: entropy,
            remember: { window.window.remember($0, minute: $1, now: $2) })
    }
}

extension TestNode {
    /// How many answers have to be given up at a node before one more matters little.
    package static let puzzleThreshold = 1024

    /// Has as many answers given up here as make the node ask for puzzles of the least effort, or of so many bits more.
    package func load(doublings: Int = 0, at now: MonotonicInstant = ManualClock().now) {
        environment.puzzleLoad.threshold = TestNode.puzzleThreshold
        environment.puzzleLoad.advance(to: now)
        for _ in 0..<TestNode.puzzleThreshold << doublings { _ = environment.puzzleLoad.answered() }
    }
}

extension IdentityKey {
    /// The identity number `number`; with `isPostQuantum` another, with the same Ed25519 key and an ML-DSA key.
    package static func made(of number: UInt8, isPostQuantum: Bool = false) throws -> IdentityKey {
        let seed = try GuardedSecret([UInt8](repeating: number, count: 32))
        guard isPostQuantum else { return try IdentityKey(seed: seed) }
        let other = PostQuantumKey(seed: try GuardedSecret([UInt8](repeating: number ^ 0xff, count: 32)))
        return try IdentityKey(seed: seed, postQuantumKey: other)
    }
}

private final class SeedWindowBox {
    var window = SeedWindow()
}
