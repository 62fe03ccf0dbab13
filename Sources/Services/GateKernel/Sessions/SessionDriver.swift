import GateCrypto
import GateModel
import GateWire
import NIOCore

/// What carries a session: a TCP connection, or a circuit. Used on its own loop only.
protocol SessionDriver: AnyObject {
    /// Puts a message into the session's queue; nothing leaves before ``flush()``.
    func enqueue(_ message: SessionMessage)
    /// A number for a stream that this side opens; `nil` while too many are open.
    func makeAlias() -> UInt32?
    /// Seals and sends what waits, as far as the carrier takes it.
    func flush()
    /// Bytes that wait in the session and its carrier.
    var waitingByteCount: Int { get }
    /// Bytes that were sealed and wait for the carrier's socket.
    var pendingByteCount: Int { get }
    /// Bytes of all records so far: stands still while the carrier takes nothing.
    var sealedByteCount: UInt64 { get }
    /// What proves, over another connection, that the session is to go on; `nil` where it can't.
    func resumptionSecret() -> Secret?
    /// Says `reason` to the other side and ends.
    func close(_ reason: SessionCloseReason)
}

extension SessionDriver {
    /// A carrier without a socket counts all that waits.
    var pendingByteCount: Int { 0 }
}
