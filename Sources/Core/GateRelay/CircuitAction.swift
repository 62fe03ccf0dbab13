package import GateCrypto
package import GateWire
package import NIOCore

/// A neighbour on a circuit, as seen from one of its machines.
package enum CircuitSide: Sendable {
    /// Towards the origin.
    case previous
    /// Towards the destination.
    case next
}

/// As what the next node is wanted.
package enum ReachPurpose: Sendable {
    /// As the next relay.
    case relay
    /// As the circuit's destination.
    case destination
}

/// What a circuit's machine asks its driver to do, or tells it. Appended in order; performed in order.
package enum CircuitAction {
    /// Enqueue this message (cells, credit or destroy) on the session with that neighbour. An origin has only `next`,
    /// a destination only `previous`.
    case send(CircuitSide, SessionMessage)
    /// Hop only: get or open a session with this record's node, at no other endpoints than the record's, allot a circuit
    /// id on it and answer with `reached(circuit:)`, or with `unreachable()`.
    case reach(NodeRecord, ReachPurpose)
    /// Origin: the end-to-end connection may begin. Destination: the same; answer its bytes by a `PeerConnection`.
    case built
    /// Origin and destination: the next bytes of the end-to-end connection.
    case received(ByteBuffer)
    /// Origin and destination: `send` stopped for want of credit and may go on now.
    case writable
    /// The last action: forget the machine and its circuit ids. Origins say why by `failed`.
    case ended(CircuitEnd)
    /// Origin only, the last action: forget the machine. Nothing can be sent or received any more.
    case failed(CircuitFailure)
}
