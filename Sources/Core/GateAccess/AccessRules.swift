package import GateModel

/// What somebody wants to use us for; the contexts of the peer protocol's handshake.
package enum AccessPurpose: Sendable {
    /// A session between two nodes.
    case session
    /// A hop of a circuit.
    case hop
    /// The end-to-end session inside a circuit that ends here.
    case endToEnd
}

/// What an admitted peer may do.
package enum AccessScope: Hashable, Sendable {
    /// Everything: extenders, messages, circuits.
    case full
    /// Circuits only: build them through us, be a hop beside us, reach us as destination. No extenders.
    case circuitsOnly
}

/// Why a peer was refused. For logs and `status` on our side; the wire says nothing.
package enum AccessRefusal: Error, Hashable, Sendable {
    /// Not among the nodes that are allowed: the default.
    case unknownNode
    /// Named among the nodes that are denied.
    case deniedNode
    /// Came without a certificate where that is not accepted.
    case anonymous
    /// We don't relay.
    case notRelaying
}

/// Who may connect, by UUID. Locked down by default: nobody.
///
/// | who | session | hop | end to end |
/// | --- | --- | --- | --- |
/// | denied node | refused | – | refused |
/// | allowed node | full | – | full |
/// | other node | circuits only, where we relay; else refused | – | refused |
/// | anonymous | circuits only, where we relay and it is accepted; else refused | where we relay | where accepted |
///
/// A hop handshake is anonymous by its nature; its neighbour was judged when its session came up.
package struct AccessRules: Equatable, Sendable {
    /// Nodes that may do everything.
    package var allowed: Set<NodeUUID> = []
    /// Nodes that may do nothing, whatever else is said.
    package var denied: Set<NodeUUID> = []
    /// Whether we relay for others. Any node may then have a session for circuits.
    package var relays = false
    /// Whether a session may come without a certificate, for circuits only.
    package var acceptsAnonymousSessions = false
    /// Whether what arrives over a circuit may be anonymous end to end (an exit for anybody).
    package var acceptsAnonymousEndToEnd = false

    /// Nobody is allowed.
    package init() {}

    /// Judges a peer whose certificate has been verified; `nil` for one without. Asked again for every open session
    /// when the rules change.
    package func judge(_ node: NodeUUID?, for purpose: AccessPurpose) throws(AccessRefusal) -> AccessScope {
        if let node, denied.contains(node) { throw .deniedNode }
        switch purpose {
        case .hop:
            guard relays else { throw .notRelaying }
            return .circuitsOnly
        case .session:
            if let node, allowed.contains(node) { return .full }
            guard relays else { throw node == nil ? .anonymous : .unknownNode }
            guard node != nil || acceptsAnonymousSessions else { throw .anonymous }
            return .circuitsOnly
        case .endToEnd:
            guard let node else {
                guard acceptsAnonymousEndToEnd else { throw .anonymous }
                return .full
            }
            guard allowed.contains(node) else { throw .unknownNode }
            return .full
        }
    }
}
