import GateCrypto
import GateModel
import GateSession
import NIOCore

/// A session that this worker dialled, whose connection broke, and what it takes to go on with it.
///
/// `@unchecked Sendable`: the constants are; the secrets are touched on `eventLoop`, their slab's, only.
final class SuspendedSession: @unchecked Sendable {
    let endpoint: SessionEndpoint
    let node: NodeUUID
    /// Where the session was dialled: there other workers of the node answer, too.
    let address: SocketAddress
    let eventLoop: any EventLoop

    /// Secrets that the other side may expect, the likeliest last: one more for each connection that broke after our proof
    /// was sent and before the answer came.
    private var secrets: [SecretBox] = []

    /// Secrets that are kept; the oldest goes first. More than the attempts whose answers a silent database can hold back
    /// within the time that a session is waited for.
    static let secretsMax = 8

    /// `@unchecked Sendable`: touched, and let go of, on the slab's loop only.
    private final class SecretBox: @unchecked Sendable {
        private let secret: Secret
        init(_ secret: consuming Secret) { self.secret = secret }

        func copy() -> Secret? {
            do { return try secret.copy() } catch { return nil }
        }
    }

    init(_ endpoint: SessionEndpoint, with node: NodeUUID, at address: SocketAddress, secret: consuming Secret) {
        self.endpoint = endpoint
        self.node = node
        self.address = address
        eventLoop = endpoint.eventLoop
        secrets = [SecretBox(secret)]
    }

    /// The last to hold this may be a task; secrets end on the loop of their slab.
    deinit {
        let secrets = secrets
        eventLoop.execute { withExtendedLifetime(secrets) {} }
    }

    /// What the next connection shows; `nil` where no secret, or no protected memory, is left.
    func claim() -> ResumptionClaim? {
        guard let secret = secrets.last?.copy() else { return nil }
        return ResumptionClaim(session: endpoint.id, secret: secret)
    }

    /// A connection broke before the other side answered: it may have taken the proof, and expects this from now on.
    func unanswered(_ secret: consuming Secret) {
        if secrets.count >= SuspendedSession.secretsMax { secrets.removeFirst() }
        secrets.append(SecretBox(secret))
    }

    /// The other side refused the proof; `true` if another secret is left to try.
    func refused() -> Bool {
        _ = secrets.popLast()
        return !secrets.isEmpty
    }
}
