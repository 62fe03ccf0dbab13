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
    /// Of the session, as the sender knows it: an open of a lower epoch than the kernel's means nothing.
    package var epoch: SessionEpoch

    package init(
        id: StreamID, extender: ExtenderID, session: SessionID, peer: PeerName, isPeerAllowed: Bool = false,
        priority: Priority, credit: UInt64, epoch: SessionEpoch = 0
    ) {
        self.id = id
        self.extender = extender
        self.session = session
        self.peer = peer
        self.isPeerAllowed = isPeerAllowed
        self.priority = priority
        self.credit = credit
        self.epoch = epoch
    }
}

/// A stream of an earlier epoch of its session goes on over this link: from an extender, where its end stands; from a
/// kernel, under the same alias, where the other end stands.
package struct LinkStreamResume: Hashable, Sendable {
    package var id: StreamID
    package var extender: ExtenderID
    package var session: SessionID
    /// Of the session, in which the stream goes on.
    package var epoch: SessionEpoch
    /// Whether the sender, or who it speaks for, opened the stream.
    package var isOpener: Bool
    package var priority: Priority
    package var standing: StreamStanding

    package init(
        id: StreamID, extender: ExtenderID, session: SessionID, epoch: SessionEpoch, isOpener: Bool,
        priority: Priority, standing: StreamStanding
    ) {
        self.id = id
        self.extender = extender
        self.session = session
        self.epoch = epoch
        self.isOpener = isOpener
        self.priority = priority
        self.standing = standing
    }
}

/// An extender has named every stream of a resumed session that it has.
package struct LinkStreamsResumed: Hashable, Sendable {
    package var session: SessionID
    package var epoch: SessionEpoch

    package init(session: SessionID, epoch: SessionEpoch) {
        self.session = session
        self.epoch = epoch
    }
}
