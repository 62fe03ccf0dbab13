import GateCrypto
import GateModel
import GateWire

/// What a session is beyond the connection that carries it.
extension SessionEndpoint {
    /// How the session came to be.
    struct Way: Sendable {
        let isRelayed: Bool
        let isInbound: Bool
        /// Whether we dialled without showing who we are: then the peer learns nothing of what we have.
        let isHiding: Bool
        /// The other side's address; `nil` over a circuit.
        let address: IPAddress?
        /// The not-after of the certificate that the other side showed first; `nil` for an anonymous one.
        let certifiedUntil: UnixTime?
        /// The number of the worker at the other side among those of its node; of no meaning for an anonymous one.
        var peerWorker: UInt64 = 0
        /// Whether the session may go on over another connection when this one breaks.
        var isResumable = false
        /// The version of the protocol that both speak.
        var version = PeerVersions.spoken.highest
    }

    /// Whether it is direct and both sides have shown who they are: of such one stays between two workers.
    var isMutual: Bool { !isRelayed && !way.isHiding && peer.node != nil }

    /// Whether this direct session stays rather than `other` with the same worker: the one that the lower UUID dialled;
    /// by the same dialler the newer, this one, since the older's carrier may be dead.
    func isKept(over other: SessionEndpoint, peer: NodeUUID, own: NodeUUID) -> Bool {
        if isInbound == other.isInbound { return true }
        let lowerDials = own < peer
        return isInbound != lowerDials
    }

    /// Another endpoint carries the session on.
    func supersede() {
        let before = driver
        suspend()
        before?.close(.duplicate)
    }

    /// Another session's endpoint on the same carrier, in this one's place; `nil` where nothing carries this one any more.
    func renamed(_ id: SessionID, _ epoch: SessionEpoch) -> SessionEndpoint? {
        guard let driver else { return nil }
        backlog.leave(self)
        return SessionEndpoint(
            id: id, epoch: epoch, peer: peer, eventLoop: eventLoop, way: way, since: since, driver: driver,
            kernel: kernel, backlog: backlog)
    }

    /// What proves, over another connection, that this session is to go on: bytes for the vault; empty where there is
    /// none.
    var resumptionSecret: [UInt8] {
        guard let secret = driver?.resumptionSecret() else { return [] }
        return secret.withUnsafeBytes { Array($0) }
    }

    /// The same for ourselves.
    func takeResumptionSecret() -> Secret? { driver?.resumptionSecret() }

    var streamCount: Int { streams.count }

    /// Whether nothing uses the session now.
    var isIdle: Bool { streams.isEmpty && circuits.parties.isEmpty && (driver?.waitingByteCount ?? 0) == 0 }

    /// Whether nothing carries the session any more.
    var isOver: Bool { driver == nil }
}
