package import GateCrypto
package import GateModel
package import GateWire

/// Who the other side of a session is.
package enum SessionPeer: Hashable, Sendable {
    /// Proven by a certificate: its node, its worker, and until when (UTC) the certificate holds.
    case node(NodeUUID, worker: UInt64, notAfter: UnixTime)
    /// An initiator without a certificate.
    case anonymous

    /// The proven node, if any.
    package var node: NodeUUID? {
        switch self {
        case .node(let node, _, _): node
        case .anonymous: nil
        }
    }

    /// Until when its certificate holds.
    var notAfter: UnixTime? {
        switch self {
        case .node(_, _, let notAfter): notAfter
        case .anonymous: nil
        }
    }
}

/// Which end of a session this is: the initiator dialled and talked first.
package typealias SessionRole = NoiseRole

/// What the driver is asked to admit or refuse: the certificate is already verified, nothing of ours is told yet.
package struct PeerClaim: Hashable, Sendable {
    /// Who asks (responder) or answers (initiator).
    package let peer: SessionPeer
    /// What for.
    package let context: HandshakeContext
    /// Our side.
    package let role: SessionRole
    /// What proves `peer`; `nil` for an anonymous one.
    package let certificate: WorkerCertificate?

    package init(
        peer: SessionPeer, context: HandshakeContext, role: SessionRole, certificate: WorkerCertificate? = nil
    ) {
        self.peer = peer
        self.context = context
        self.role = role
        self.certificate = certificate
    }
}

/// A session that stands: the same id on both sides.
package struct Established: Hashable, Sendable {
    /// Names the session; both sides derive it from the handshake.
    package let session: SessionID
    /// Who is on the other side.
    package let peer: SessionPeer
    /// What for.
    package let context: HandshakeContext
    /// Our side.
    package let role: SessionRole
    /// The version of the protocol that both speak.
    package let version: UInt8
    /// The session that the initiator wants to go on with, and its proof; to a responder only, still to be checked.
    package let resuming: ResumptionProof?

    package init(
        session: SessionID, peer: SessionPeer, context: HandshakeContext, role: SessionRole, version: UInt8,
        resuming: ResumptionProof? = nil
    ) {
        self.session = session
        self.peer = peer
        self.context = context
        self.role = role
        self.version = version
        self.resuming = resuming
    }
}

/// What a ``PeerConnection`` tells its driver, in the order in which it happened.
package enum PeerEvent: Equatable, Sendable {
    /// Comes first and once: messages can be sent from here on.
    case established(Established)
    /// A message arrived. Pings, pongs and a close are dealt with inside and never reported.
    case message(SessionMessage)
    /// The other side's worker has a fresh certificate, which holds.
    case certified(WorkerCertificate)
    /// The other side's records come under the keys of this epoch from here on; this side's do, or will with its next.
    case keysUpdated(epoch: UInt32)
    /// Comes last and once. Write what `output` and `seal` still hold, then close the connection.
    case closed(SessionFailure)
}
