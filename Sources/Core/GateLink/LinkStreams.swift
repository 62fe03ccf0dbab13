package import GateModel

/// Opens a stream between two replicas of an extender, on the way in either direction.
package struct LinkStreamOpen: Hashable, Sendable {
    package var id: StreamID
    package var extender: ExtenderID
    /// The session that `connected` or a peer event named.
    package var session: SessionID
    /// What the far end authenticated as; from an extender, what it believes (the kernel does not read it).
    package var peer: PeerName
    /// To an extender: whether the node's operator allowed the peer by its UUID. From an extender `false`, and not read.
    package var isPeerAllowed: Bool
    package var priority: Priority
    /// The opener allows the other side's bytes up to this offset.
    package var credit: UInt64

    package init(
        id: StreamID, extender: ExtenderID, session: SessionID, peer: PeerName, isPeerAllowed: Bool = false,
        priority: Priority, credit: UInt64
    ) {
        self.id = id
        self.extender = extender
        self.session = session
        self.peer = peer
        self.isPeerAllowed = isPeerAllowed
        self.priority = priority
        self.credit = credit
    }
}
