package import GateCrypto
package import GateModel

/// Chooses the relays of a circuit, by the origin alone, from its own list.
///
/// A random path has relays that are fit (they relay, have age and reputation), each a different node, no two of them, nor
/// one and the origin or the destination, in the same /16 or /48, and not all learnt from one node. Its first hop is
/// a guard (``GuardSet``) where one is fit. A named path is taken as it is named, with the same checks but for age,
/// reputation and guards.
package struct PathSelection: Sendable {
    private let own: NodeUUID
    private let ownNetworks: Set<IPAddress>
    private let settings: PathSettings

    /// `ownAddresses` are the addresses that the network sees of us.
    package init(own: NodeUUID, ownAddresses: [IPAddress], settings: PathSettings) {
        self.own = own
        ownNetworks = Set(ownAddresses.map(\.neighbourhood))
        self.settings = settings
    }

    /// A path of `count` random relays to `destination`, first hop first; empty for 0.
    ///
    /// `destinationAddresses` is empty where they aren't known (a hidden destination).
    package func random(
        count: Int, to destination: NodeUUID, at destinationAddresses: [IPAddress], from candidates: [PathCandidate],
        guards: GuardSet, random: inout FastRandom
    ) throws(PathFailure) -> [NodeUUID] {
        guard (0...PathSettings.relaysMax).contains(count) else { throw .badLength }
        guard count > 0 else { return [] }
        let fit = candidates.filter { $0.node != own && $0.node != destination && $0.isFit(settings) }
        let ends = ownNetworks.union(destinationAddresses.map(\.neighbourhood))
        let first = guards.entries.compactMap { entry in fit.first { $0.node == entry.node } }
        for attempt in 0..<settings.attemptCount {
            // Guards serve first, each in turn; where none fits the others, any node does.
            let isGuarded = !first.isEmpty && attempt < settings.attemptCount / 2
            let heads = isGuarded ? [first[Int(random.below(UInt64(first.count)))]] : []
            if let path = draw(count, from: fit, starting: heads, apartFrom: ends, random: &random) { return path }
        }
        throw .tooFewNodes
    }

    private func draw(
        _ count: Int, from fit: [PathCandidate], starting heads: [PathCandidate], apartFrom ends: Set<IPAddress>,
        random: inout FastRandom
    ) -> [NodeUUID]? {
        var path: [PathCandidate] = []
        var used = ends
        var rest = fit
        for head in heads {
            guard isApart(head, from: used) else { return nil }
            path.append(head)
            used.formUnion(head.neighbourhoods)
            rest.removeAll { $0.node == head.node }
        }
        while path.count < count {
            guard !rest.isEmpty else { return nil }
            let index = Int(random.below(UInt64(rest.count)))
            rest.swapAt(index, rest.count - 1)
            let candidate = rest.removeLast()
            guard isApart(candidate, from: used) else { continue }
            path.append(candidate)
            used.formUnion(candidate.neighbourhoods)
            rest.removeAll { $0.node == candidate.node }
        }
        return hasSeveralSources(path) ? path.map(\.node) : nil
    }

    /// The named path, where it is one.
    package func named(
        _ nodes: [NodeUUID], to destination: NodeUUID, at destinationAddresses: [IPAddress],
        from candidates: [PathCandidate]
    ) throws(PathFailure) -> [NodeUUID] {
        guard nodes.count <= PathSettings.relaysMax else { throw .badLength }
        var path: [PathCandidate] = []
        var used = ownNetworks.union(destinationAddresses.map(\.neighbourhood))
        for node in nodes {
            guard let candidate = candidates.first(where: { $0.node == node }) else { throw .unknownNode(node) }
            guard candidate.relays, node != own, node != destination, !path.contains(where: { $0.node == node }) else {
                throw .unfitNode(node)
            }
            guard isApart(candidate, from: used) else { throw .notApart }
            path.append(candidate)
            used.formUnion(candidate.neighbourhoods)
        }
        guard hasSeveralSources(path) else { throw .notApart }
        return nodes
    }

    private func isApart(_ candidate: PathCandidate, from used: Set<IPAddress>) -> Bool {
        settings.allowsSameNetwork || candidate.neighbourhoods.isDisjoint(with: used)
    }

    /// One relay can have one source only; from two on a single foreign one would know, or choose, the whole path.
    private func hasSeveralSources(_ path: [PathCandidate]) -> Bool {
        guard !settings.allowsSingleSource, path.count > 1 else { return true }
        let sources = Set(path.map(\.source))
        return sources.contains(own) || sources.count > 1
    }
}
