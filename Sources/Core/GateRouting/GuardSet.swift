package import GateCrypto
package import GateModel

/// The few long-lived first hops: who changes them often gives every relay its turn to see him.
///
/// The first ``PathSettings/guardCount`` entries are the guards; the others are reserves, drawn when no guard could be
/// reached or was fit for a destination, and used in order only while that is so. An entry that is not reached keeps its
/// place and is tried again; only after a long absence, while others are reached, is it replaced, and not often. Who can
/// keep us from reaching guards thus learns a few more first hops, not every relay its turn.
///
/// A value to be kept with the node's data.
package struct GuardSet: Equatable, Sendable {
    /// One first hop and when it was chosen.
    package struct Entry: Hashable, Sendable {
        /// The relay.
        package let node: NodeUUID
        /// When it became a first hop.
        package let since: UnixTime
        /// When it was first and last not reached since it was last reached; `nil` where it was reached, or never tried.
        package var absence: ClosedRange<UnixTime>?

        /// Joins all.
        package init(node: NodeUUID, since: UnixTime, absence: ClosedRange<UnixTime>? = nil) {
            self.node = node
            self.since = since
            self.absence = absence
        }

        fileprivate func isDue(at now: UnixTime, _ settings: PathSettings) -> Bool {
            guard let absence else { return true }
            return absence.upperBound + settings.guardRetrySeconds <= now
        }
    }

    /// Guards, then reserves.
    package private(set) var entries: [Entry]
    /// When entries were replaced because of their absence, within the lifetime of one.
    private var replacements: [UnixTime] = []

    /// As kept; empty at first.
    package init(entries: [Entry] = []) { self.entries = entries }

    // MARK: What happened

    /// The relay could not be reached from here.
    package mutating func missed(_ node: NodeUUID, at now: UnixTime) {
        guard let index = entries.firstIndex(where: { $0.node == node }) else { return }
        let from = entries[index].absence?.lowerBound ?? now
        entries[index].absence = min(from, now)...now
    }

    /// The relay was reached and took part in a circuit.
    package mutating func reached(_ node: NodeUUID) {
        guard let index = entries.firstIndex(where: { $0.node == node }) else { return }
        entries[index].absence = nil
    }

    // MARK: What to use

    /// The set for now: without entries that are too old or were absent for too long, and with guards drawn for those
    /// that are missing.
    package func renewed(
        from candidates: [PathCandidate], at now: UnixTime, settings: PathSettings, random: inout FastRandom
    ) -> GuardSet {
        var next = self
        let fit = Set(candidates.filter { $0.isFit(settings) }.map(\.node))
        for entry in entries where !fit.contains(entry.node) { next.missed(entry.node, at: now) }
        next.replacements.removeAll { $0 + settings.guardLifetimeSeconds <= now }
        next.entries.removeAll { $0.since + settings.guardLifetimeSeconds <= now }
        next.dropAbsent(at: now, settings)
        while next.entries.count < settings.guardCount, let node = next.draw(from: fit, random: &random) {
            next.entries.append(Entry(node: node, since: now))
        }
        return next
    }

    /// Those that a path may begin with now, `fit` being all relays that may begin it: guards that are there, else the
    /// first reserve, if need be a new one; once there are enough reserves, those that are absent, to be tried again.
    package mutating func firstHops(
        from fit: Set<NodeUUID>, at now: UnixTime, settings: PathSettings, random: inout FastRandom
    ) -> [NodeUUID] {
        let usable = entries.filter { fit.contains($0.node) }
        let guards = Set(entries.prefix(settings.guardCount).map(\.node))
        let due = usable.filter { $0.isDue(at: now, settings) }.map(\.node)
        let present = due.filter { guards.contains($0) }
        if !present.isEmpty { return present }
        if let reserve = due.first { return [reserve] }
        let most = settings.guardCount + settings.guardReservesMax
        if entries.count < most, let node = draw(from: fit, random: &random) {
            entries.append(Entry(node: node, since: now))
            return [node]
        }
        return usable.map(\.node)
    }

    private func draw(from fit: Set<NodeUUID>, random: inout FastRandom) -> NodeUUID? {
        let rest = fit.subtracting(entries.map(\.node)).sorted()
        return rest.isEmpty ? nil : rest[Int(random.below(UInt64(rest.count)))]
    }

    /// Without any that is reached it may be our own network that is gone.
    private mutating func dropAbsent(at now: UnixTime, _ settings: PathSettings) {
        guard entries.contains(where: { $0.absence == nil }) else { return }
        for entry in entries where replacements.count < settings.guardReplacementsMax {
            guard let absence = entry.absence,
                absence.lowerBound + settings.guardAbsenceSeconds <= absence.upperBound
            else { continue }
            entries.removeAll { $0.node == entry.node }
            replacements.append(now)
        }
    }
}

extension PathCandidate {
    /// Whether a random path may use it at all.
    func isFit(_ settings: PathSettings) -> Bool {
        relays && reputation > 0 && age >= settings.ageMin && !addresses.isEmpty
    }
}
