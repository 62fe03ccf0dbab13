package import GateCrypto
package import GateModel

/// The few long-lived first hops: who changes them often gives every relay its turn to see him.
///
/// A value to be kept with the node's data; ``renewed(from:at:settings:random:)`` fills gaps and drops what is too old
/// or gone.
package struct GuardSet: Equatable, Sendable {
    /// One first hop and when it was chosen.
    package struct Entry: Hashable, Sendable {
        /// The relay.
        package let node: NodeUUID
        /// When it became a first hop.
        package let since: UnixTime

        /// Joins both.
        package init(node: NodeUUID, since: UnixTime) {
            self.node = node
            self.since = since
        }
    }

    /// The first hops, in the order in which they are tried.
    package private(set) var entries: [Entry]

    /// As kept; empty at first.
    package init(entries: [Entry] = []) { self.entries = entries }

    /// The set for now: entries that are still fit and young enough, then new ones drawn from the candidates.
    package func renewed(
        from candidates: [PathCandidate], at now: UnixTime, settings: PathSettings, random: inout FastRandom
    ) -> GuardSet {
        var fit = Dictionary(grouping: candidates.filter { $0.isFit(settings) }, by: \.node)
        var kept = entries.filter {
            fit[$0.node] != nil && $0.since.seconds + settings.guardLifetimeSeconds > now.seconds
        }
        kept = Array(kept.prefix(settings.guardCount))
        for entry in kept { fit[entry.node] = nil }
        var rest = fit.keys.sorted()
        while kept.count < settings.guardCount, !rest.isEmpty {
            let node = rest.remove(at: Int(random.below(UInt64(rest.count))))
            kept.append(Entry(node: node, since: now))
        }
        return GuardSet(entries: kept)
    }
}

extension PathCandidate {
    /// Whether a random path may use it at all.
    func isFit(_ settings: PathSettings) -> Bool {
        relays && reputation > 0 && age >= settings.ageMin && (settings.allowsSameNetwork || !addresses.isEmpty)
    }
}
