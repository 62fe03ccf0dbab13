package import GateModel

/// A node as path selection sees it: what is known about it, not its keys.
package struct PathCandidate: Hashable, Sendable {
    /// Its name.
    package var node: NodeUUID
    /// The literal addresses that it listens at; the networks that must differ. A candidate without any is left out
    /// unless networks may be the same.
    package var addresses: [IPAddress]
    /// Whether its record says that it relays for others.
    package var relays: Bool
    /// For how long it has been known.
    package var age: Duration
    /// Its reputation; at or below 0 it is left out.
    package var reputation: Int
    /// From whom its record was learnt first: our own node for what the operator added by hand.
    package var source: NodeUUID

    /// Joins all.
    package init(
        node: NodeUUID, addresses: [IPAddress], relays: Bool, age: Duration, reputation: Int, source: NodeUUID
    ) {
        self.node = node
        self.addresses = addresses
        self.relays = relays
        self.age = age
        self.reputation = reputation
        self.source = source
    }

    /// The /16 (IPv4) and /48 (IPv6) networks it is in.
    var neighbourhoods: Set<IPAddress> { Set(addresses.map(\.neighbourhood)) }
}
