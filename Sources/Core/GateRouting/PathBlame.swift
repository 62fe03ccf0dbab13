package import GateModel

/// What went wrong on paths lately, so that random paths avoid it for a while.
///
/// A relay that says "the next one can't be reached" may be wrong about it, or lie to get another path. So what is avoided
/// is the link between the two; a relay is, only once links to two different relays failed, whichever of the two reported
/// it, or where we did not reach it ourselves. A destination's links are avoided, never counted: it may just be down.
package struct PathBlame: Sendable {
    private var missed: [NodeUUID: MonotonicInstant] = [:]
    private var links: [PathLink: Mark] = [:]

    /// For how long something is avoided.
    package static let span = Duration.seconds(60)
    /// Links that are remembered at most; further ones are not.
    package static let linksMax = 4096

    private struct Mark {
        let until: MonotonicInstant
        let isToDestination: Bool
    }

    /// Nothing yet.
    package init() {}

    /// We did not reach the relay ourselves.
    package mutating func missed(_ node: NodeUUID, at now: MonotonicInstant) {
        missed[node] = now + PathBlame.span
    }

    /// We reached the relay.
    package mutating func reached(_ node: NodeUUID) { missed[node] = nil }

    /// A relay could not, or would not, lead the circuit on to the next node.
    package mutating func failed(
        _ relay: NodeUUID, _ next: NodeUUID, isDestination: Bool, at now: MonotonicInstant
    ) {
        forget(at: now)
        guard links.count < PathBlame.linksMax else { return }
        links[PathLink(relay, next)] = Mark(until: now + PathBlame.span, isToDestination: isDestination)
    }

    /// What to avoid now.
    package mutating func avoidance(at now: MonotonicInstant) -> PathAvoidance {
        forget(at: now)
        var counts: [NodeUUID: Int] = [:]
        for (link, mark) in links where !mark.isToDestination {
            for node in link.ends { counts[node, default: 0] += 1 }
        }
        return PathAvoidance(
            nodes: Set(missed.keys).union(counts.filter { $0.value > 1 }.keys), links: Set(links.keys))
    }

    private mutating func forget(at now: MonotonicInstant) {
        missed = missed.filter { $0.value > now }
        links = links.filter { $0.value.until > now }
    }
}

/// Two neighbours on a path, in either order.
package struct PathLink: Hashable, Sendable {
    let ends: [NodeUUID]

    /// The link between both.
    package init(_ one: NodeUUID, _ other: NodeUUID) { ends = [one, other].sorted() }
}

/// What random paths avoid while there are others.
package struct PathAvoidance: Equatable, Sendable {
    /// Relays; as first hops they are judged by ``GuardSet`` instead.
    package var nodes: Set<NodeUUID> = []
    /// Neighbours.
    package var links: Set<PathLink> = []

    /// Joins both.
    package init(nodes: Set<NodeUUID> = [], links: Set<PathLink> = []) {
        self.nodes = nodes
        self.links = links
    }
}
