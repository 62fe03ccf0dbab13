import GateCrypto
import GateModel
import GateSession
import GateTransport
import GateWire

/// A session over a connection of its own: hands what the connection tells to its owner, and messages back.
final class ChannelSession: PeerChannelDelegate, SessionDriver {
    private let owner: SessionOwner
    /// The handler holds its delegate, so not the other way round.
    private weak var channel: PeerChannelHandler?

    init(owner: SessionOwner) { self.owner = owner }

    // MARK: PeerChannelDelegate

    func admit(_ claim: PeerClaim) -> Bool { owner.admit(claim) }

    func takes(_ extender: ExtenderID) -> Bool { owner.takes(extender) }

    func received(_ event: PeerEvent, on channel: PeerChannelHandler) {
        self.channel = channel
        owner.take(event, driver: self)
    }

    func batchEnded(on channel: PeerChannelHandler) {
        if let endpoint = owner.endpoint { endpoint.batchEnded() } else { channel.flush() }
    }

    func closed(_ failure: SessionFailure) { owner.ended(failure) }

    // MARK: SessionDriver

    func enqueue(_ message: SessionMessage) { channel?.enqueue(message) }

    func makeAlias() -> UInt32? { channel?.makeAlias() }

    func flush() { channel?.flush() }

    var waitingByteCount: Int { channel?.queuedBytes ?? 0 }

    var pendingByteCount: Int { channel?.pendingBytes ?? 0 }

    var sealedByteCount: UInt64 { channel?.sealedBytes ?? 0 }

    func resumptionSecret() -> Secret? { channel?.resumptionSecret() }

    func close(_ reason: SessionCloseReason) { channel?.close(reason) }
}
