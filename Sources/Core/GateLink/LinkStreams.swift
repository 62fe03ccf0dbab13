package import GateModel

/// Opens a stream between two replicas of an extender, on the way in either direction.
package struct LinkStreamOpen: Hashable, Sendable {
    package var id: StreamID
    package var extender: ExtenderID
    /// The session that `connected` or a peer event named.
    package var session: SessionID
    /// What the far end authenticated as; from an extender, what it believes (the kernel does not read it).
    package var peer: PeerName
    package var priority: Priority
    /// The opener allows the other side's bytes up to this offset.
    package var credit: UInt64

    package init(
        id: StreamID, extender: ExtenderID, session: SessionID, peer: PeerName, priority: Priority, credit: UInt64
    ) {
        self.id = id
        self.extender = extender
        self.session = session
        self.peer = peer
        self.priority = priority
        self.credit = credit
    }
}

/// Why a stream was reset. Values from ``extenderCodeMin`` on are the extender's own.
package enum LinkResetCode {
    package static let cancelled: UInt32 = 1
    package static let refused: UInt32 = 2
    package static let noExtender: UInt32 = 3
    package static let sessionEnded: UInt32 = 4
    package static let creditExceeded: UInt32 = 5
    package static let overloaded: UInt32 = 6
    package static let replicaGone: UInt32 = 7
    package static let extenderCodeMin: UInt32 = 1024
}
