package import GateCrypto
package import GateModel

/// Chooses the relays of a circuit, by the origin alone, from its own list.
///
/// A random path has relays that are fit (they relay, have age and reputation), each a different node, no two of them, nor
/// one and the origin or the destination, in the same /16 or /48, and not all learnt from one node. Its first hop is
/// one of those that the origin has for it (``GuardSet``), never another. What failed lately (``PathBlame``) is avoided
/// while there is a path without it. A named path is taken as it is named, with the same checks but for age, reputation,
/// first hops and blame.
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

    /// The relays that a random path to `destination` may begin with.
    package func fitFirstHops(
        to destination: NodeUUID, at destinationAddresses: [IPAddress], from candidates: [PathCandidate]
    ) -> Set<NodeUUID> {
        let ends = ownNetworks.union(destinationAddresses.map(\.neighbourhood))
        return Set(fit(candidates, to: destination).filter { isApart($0, from: ends) }.map(\.node))
    }

    /// A path of `count` random relays to `destination`, beginning with one of `firstHops`; empty for 0.
    ///
    /// `destinationAddresses` is empty where they aren't known (a hidden destination).
    package func random(
        count: Int, to destination: NodeUUID, at destinationAddresses: [IPAddress], from candidates: [PathCandidate],
        firstHops: [NodeUUID], avoiding avoidance: PathAvoidance = PathAvoidance(), random: inout FastRandom
    ) throws(PathFailure) -> [NodeUUID] {
        guard (0...PathSettings.relaysMax).contains(count) else { throw .badLength }
        guard count > 0 else { return [] }
        let fit = fit(candidates, to: destination)
        let heads = fit.filter { firstHops.contains($0.node) }
        guard !heads.isEmpty else { throw .tooFewNodes }
        let draft = Draft(
            count: count, destination: destination,
            ends: ownNetworks.union(destinationAddresses.map(\.neighbourhood)), fit: fit)
        for attempt in 0..<settings.attemptCount {
            // What failed lately comes back only where there is nothing else.
            let avoided = attempt < settings.attemptCount / 2 ? avoidance : PathAvoidance()
            let head = heads[Int(random.below(UInt64(heads.count)))]
            if let path = draw(draft, beginningWith: head, avoiding: avoided, random: &random) { return path }
        }
        throw .tooFewNodes
    }

    /// What all tries at one path have in common.
    private struct Draft {
        let count: Int
        let destination: NodeUUID
        let ends: Set<IPAddress>
        let fit: [PathCandidate]
    }

    private func fit(_ candidates: [PathCandidate], to destination: NodeUUID) -> [PathCandidate] {
        candidates.filter { $0.node != own && $0.node != destination && $0.isFit(settings) }
    }

    private func draw(
        _ draft: Draft, beginningWith head: PathCandidate, avoiding avoided: PathAvoidance, random: inout FastRandom
    ) -> [NodeUUID]? {
        var path: [PathCandidate] = []
        var used = draft.ends
        var rest = draft.fit.filter { $0.node != head.node && !avoided.nodes.contains($0.node) }
        var next = head
        while true {
            let isLast = path.count == draft.count - 1
            var links = isLast ? [PathLink(next.node, draft.destination)] : []
            if let last = path.last { links.append(PathLink(last.node, next.node)) }
            if isApart(next, from: used), avoided.links.isDisjoint(with: links) {
                path.append(next)
                used.formUnion(next.neighbourhoods)
                if isLast { return hasSeveralSources(path) ? path.map(\.node) : nil }
            }
            guard !path.isEmpty, !rest.isEmpty else { return nil }
            rest.swapAt(Int(random.below(UInt64(rest.count))), rest.count - 1)
            next = rest.removeLast()
        }
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
