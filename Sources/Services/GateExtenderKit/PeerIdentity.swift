package import GateLink
public import GateModel

/// Whom a session reaches, as the far end authenticated.
public enum PeerIdentity: Hashable, Sendable, CustomStringConvertible {
    /// A node, by its identity.
    case node(NodeUUID)
    /// Somebody who showed no certificate.
    case anonymous

    package init(_ name: PeerName) {
        switch name {
        case .node(let node): self = .node(node)
        case .anonymous: self = .anonymous
        }
    }

    package var name: PeerName {
        switch self {
        case .node(let node): .node(node)
        case .anonymous: .anonymous
        }
    }

    /// The node's UUID, or `anonymous`.
    public var description: String {
        switch self {
        case .node(let node): node.description
        case .anonymous: "anonymous"
        }
    }
}

/// How a session is to reach its node.
public enum PeerRoute: Hashable, Sendable {
    /// Straight to its address, or over the session that is there. The peer learns this node's address.
    case direct
    /// Over this many random relays, 1 to 8.
    case relayed(hops: Int)
    /// Over these relays in this order, 1 to 8.
    case through([NodeUUID])
    /// Over as many random relays as the node's operator set for all extenders (`relay.hops`); straight where that is 0.
    case usual

    package var connectRoute: ConnectRoute {
        switch self {
        case .direct: .direct
        case .relayed(let hops): hops <= 0 ? .direct : .relayed(hops: hops)
        case .usual: .usual
        case .through(let nodes): nodes.isEmpty ? .direct : .through(nodes)
        }
    }
}

/// A session came, went or changed.
public struct PeerChange: Sendable {
    /// What happened.
    public enum Kind: Hashable, Sendable {
        /// The session can carry messages and streams.
        case connected
        /// The session's way is broken; it may come back. Streams wait: nothing of them is lost, and their writers are held
        /// up. `.resumed` follows, or `.disconnected` after ``ExtenderLimits/suspensionTime`` at the latest.
        case suspended
        /// The session goes on, and its streams go on where they were.
        case resumed
        /// The session is gone; its streams were reset.
        case disconnected
        /// The peer's list of extenders is another now.
        case extendersChanged
    }

    /// What happened.
    public let kind: Kind
    /// Whom the session reaches.
    public let peer: PeerIdentity
    /// The session itself; of use until `.disconnected`.
    public let session: PeerSession
    /// Whether relays stand between.
    public let isRelayed: Bool
    /// Whether the peer runs this extender too, as far as it said.
    public let hasExtender: Bool
}
