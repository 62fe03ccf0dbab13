package import GateModel
package import NIOCore

/// What the far end of a session authenticated as.
package enum PeerName: Hashable, Sendable {
    /// A node, by its identity.
    case node(NodeUUID)
    /// Nobody in particular: the initiator showed no certificate.
    case anonymous
}

/// A session to another node came, went or changed.
package struct LinkPeerEvent: Hashable, Sendable {
    /// What happened.
    package enum Change: UInt32, Sendable {
        case connected = 1
        case suspended = 2
        case resumed = 3
        case disconnected = 4
        /// The peer's list of extenders is another now.
        case extendersChanged = 5
    }

    package var change: Change
    package var session: SessionID
    package var peer: PeerName
    /// Whether relays stand between.
    package var isRelayed: Bool
    /// Which of the receiving extenders the peer has, too; at most ``LinkLimits/extenderCountMax``.
    package var extenders: [ExtenderID]
    /// Why, for logs; empty unless suspended or disconnected.
    package var reason: String
    /// Which of the session's epochs this is about; kits ignore those below the highest that they have seen.
    package var epoch: SessionEpoch
    /// Whether the session may come back at another worker when this one dies: then only, if others can take it over. A
    /// suspended one may come back whatever this says.
    package var isResumable: Bool

    package init(
        change: Change, session: SessionID, peer: PeerName, isRelayed: Bool, extenders: [ExtenderID] = [],
        reason: String = "", epoch: SessionEpoch = 0, isResumable: Bool = false
    ) {
        self.change = change
        self.session = session
        self.peer = peer
        self.isRelayed = isRelayed
        self.extenders = extenders
        self.reason = reason
        self.epoch = epoch
        self.isResumable = isResumable
    }
}

/// A whole message to or from a peer.
package struct LinkMessage: Equatable, Sendable {
    /// Random; retries carry the same, and the receiving kit drops duplicates by it.
    package var id: UInt64
    package var extender: ExtenderID
    package var session: SessionID
    package var priority: Priority
    /// Whether the kernel may compress it.
    package var compresses: Bool
    /// Whether a ``LinkReceipt`` is wanted.
    package var wantsReceipt: Bool
    /// For a random time of at most this the kernel holds it back; 0 to 60,000.
    package var delayMilliseconds: UInt32
    /// At most ``LinkLimits/payloadBytesMax``; a slice of what was received.
    package var payload: ByteBuffer

    package init(
        id: UInt64, extender: ExtenderID, session: SessionID, priority: Priority = .bulk, compresses: Bool = true,
        wantsReceipt: Bool = false, delayMilliseconds: UInt32 = 0, payload: ByteBuffer
    ) {
        self.id = id
        self.extender = extender
        self.session = session
        self.priority = priority
        self.compresses = compresses
        self.wantsReceipt = wantsReceipt
        self.delayMilliseconds = delayMilliseconds
        self.payload = payload
    }
}

/// What became of a message.
package struct LinkReceipt: Hashable, Sendable {
    /// How far it came, or why not.
    package enum Status: UInt32, Sendable {
        case queued = 1
        case sent = 2
        case delivered = 3
        /// There is no such session (any more).
        case noSession = 4
        /// The peer has no such extender.
        case noExtender = 5
        /// The sender exceeded its credit, or buffers are full; try again later.
        case overloaded = 6
        /// The receiving extender said no.
        case refused = 7
    }

    package var id: UInt64
    package var session: SessionID
    package var status: Status

    package init(id: UInt64, session: SessionID, status: Status) {
        self.id = id
        self.session = session
        self.status = status
    }
}

/// Credit per (extender, peer): message payload bytes may be sent to the session up to an absolute count.
package struct LinkPeerCredit: Hashable, Sendable {
    package var session: SessionID
    /// Counted from the session's first message on this link, in the direction against this frame.
    package var limit: UInt64

    package init(session: SessionID, limit: UInt64) {
        self.session = session
        self.limit = limit
    }
}

/// How a session is to reach its node.
package enum ConnectRoute: Hashable, Sendable {
    /// Straight to its address, or over the session that is there.
    case direct
    /// Over this many random relays, 1 to ``LinkLimits/hopCountMax``.
    case relayed(hops: Int)
    /// Over these relays, in order; 1 to ``LinkLimits/hopCountMax``.
    case through([NodeUUID])
    /// Over as many random relays as the node's setting `relay.hops` says; straight where that is 0.
    case usual
}

/// Asks for a session to a node.
package struct ConnectRequest: Hashable, Sendable {
    /// Chosen by the asker, unique among its open requests on this link.
    package var id: UInt32
    package var target: NodeUUID
    package var route: ConnectRoute
    /// Whether to show no certificate to the target.
    package var anonymous: Bool
    /// Requests with different keys never share a circuit or a session; at most ``LinkLimits/isolationBytesMax`` bytes.
    package var isolation: String
    /// How long the asker waits.
    package var deadlineMilliseconds: UInt32

    package init(
        id: UInt32, target: NodeUUID, route: ConnectRoute, anonymous: Bool, isolation: String,
        deadlineMilliseconds: UInt32
    ) {
        self.id = id
        self.target = target
        self.route = route
        self.anonymous = anonymous
        self.isolation = isolation
        self.deadlineMilliseconds = deadlineMilliseconds
    }
}

/// Answer to connect: the session that serves it.
package struct ConnectSuccess: Hashable, Sendable {
    package var id: UInt32
    package var session: SessionID

    package init(id: UInt32, session: SessionID) {
        self.id = id
        self.session = session
    }
}

/// Answer to connect: why there is no session.
package struct ConnectFailure: Hashable, Sendable, Error {
    /// What the asker can branch on.
    package enum Code: UInt32, Sendable {
        /// Nothing is known of the target's address.
        case unknownPeer = 1
        /// No connection; the target or a relay did not answer.
        case unreachable = 2
        /// Access control or settings of this node say no.
        case refused = 3
        /// Not within the deadline.
        case timedOut = 4
        /// Too few relays are known for the route.
        case noRoute = 5
        /// The target answered and closed: wrong UUID, secret or clock, or not allowed there.
        case notAccepted = 6
        /// This worker takes nothing new.
        case overloaded = 7
    }

    package var id: UInt32
    package var code: Code
    /// For people; at most ``LinkLimits/reasonBytesMax`` bytes.
    package var reason: String

    package init(id: UInt32, code: Code, reason: String) {
        self.id = id
        self.code = code
        self.reason = reason
    }
}
