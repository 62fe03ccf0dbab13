package import GateModel

/// What the holder of a link name may do. Kept in the database, by name; a certificate alone gives none of it.
package struct LinkRights: Hashable, Sendable {
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
    package static let none = LinkRights(extenders: [], mayConnect: false, mayRead: false, mayChange: false)

    package init(extenders: [ExtenderID], mayConnect: Bool, mayRead: Bool, mayChange: Bool) {
        self.extenders = extenders
        self.mayConnect = mayConnect
        self.mayRead = mayRead
        self.mayChange = mayChange
    }

    /// What an extender's replica needs: to attach as that extender and to connect.
    package static func attaching(as extender: ExtenderID) -> LinkRights {
        LinkRights(extenders: [extender], mayConnect: true, mayRead: false, mayChange: false)
    }
}
