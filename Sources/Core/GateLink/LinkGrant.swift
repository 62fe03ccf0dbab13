package import GateModel

/// What a link may do here, worked out from its role and the rights that the database keeps for its name.
package struct LinkGrant: Hashable, Sendable {
    /// The extenders it may attach as; at most ``extenderCountMax``.
    package var extenders: [ExtenderID]
    /// Whether it may ask for sessions to other nodes.
    package var mayConnect: Bool
    /// Whether it may read the node's settings, peers and state.
    package var mayRead: Bool
    /// Whether it may change the node's settings, peers and access rules.
    package var mayChange: Bool

    /// The most extenders that one name may stand for.
    package static let extenderCountMax = 64
    /// The default: nothing.
    package static let none = LinkGrant(extenders: [], mayConnect: false, mayRead: false, mayChange: false)

    package init(extenders: [ExtenderID], mayConnect: Bool, mayRead: Bool, mayChange: Bool) {
        self.extenders = extenders
        self.mayConnect = mayConnect
        self.mayRead = mayRead
        self.mayChange = mayChange
    }

    /// Whether this grants everything that `other` does.
    package func includes(_ other: LinkGrant) -> Bool {
        Set(extenders).isSuperset(of: other.extenders) && (mayConnect || !other.mayConnect)
            && (mayRead || !other.mayRead) && (mayChange || !other.mayChange)
    }

    /// What an extender's replica needs: to attach as that extender and, mostly, to connect.
    package static func attaching(as extender: ExtenderID, mayConnect: Bool = true) -> LinkGrant {
        LinkGrant(extenders: [extender], mayConnect: mayConnect, mayRead: false, mayChange: false)
    }
}
