/// What waits in all members of one event loop (sessions, streams) for whoever is to take it, and who has to go where that is
/// too much.
///
/// Where more than ``bytesMax`` waits, members end until an eighth of it is free: first whose other end would take longest to
/// take what waits for it, at the pace of its last seconds. So who wants to stay has to take as fast as those who mean it.
/// One member stays in any case.
///
/// Less than ``leastBytes`` in a member count for nothing. A step is a look into a table; only ``takeSlowest(at:)`` goes
/// through all that count.
package struct Backlog {
    /// Bytes that wait in a member from which on it counts.
    package static let leastBytes = 16 << 10
    /// What is free when members have ended is this part of all.
    private static let shareOfRelief = 8

    /// Bytes that may wait before somebody has to go.
    package var bytesMax: Int
    /// What waits in all that count.
    package private(set) var bytes = 0
    private var holders: [ObjectIdentifier: Holder] = [:]

    package init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Whether somebody has to go.
    package var isOver: Bool { bytes > bytesMax }

    /// The members that count.
    package var members: [AnyObject] { holders.values.map(\.member) }

    /// So much waits in a member from now on. Its other end took so many bytes so far, and had taken `before` when it was
    /// last heard of.
    package mutating func count(
        _ waiting: Int, taken: UInt64, before: UInt64, by member: AnyObject, at now: MonotonicInstant
    ) {
        guard waiting >= Backlog.leastBytes else { return leave(member) }
        bytes += waiting
        let key = ObjectIdentifier(member)
        guard let place = holders.index(forKey: key) else {
            holders[key] = Holder(member: member, bytes: waiting, pace: Pace(before, taken, at: now))
            return
        }
        bytes -= holders.values[place].bytes
        holders.values[place].bytes = waiting
        holders.values[place].pace.count(taken, at: now)
    }

    /// Nothing waits in a member any more.
    package mutating func leave(_ member: AnyObject) {
        if let holder = holders.removeValue(forKey: ObjectIdentifier(member)) { bytes -= holder.bytes }
    }

    /// The members that have to go, which count no more; none where no more waits than may.
    package mutating func takeSlowest(at now: MonotonicInstant) -> [AnyObject] {
        guard isOver else { return [] }
        let slowest = holders.values.map { ($0.member, $0.delay(at: now)) }.sorted { $0.1 > $1.1 }.map(\.0)
        var gone: [AnyObject] = []
        for member in slowest.dropLast() where bytes > bytesMax - bytesMax / Backlog.shareOfRelief {
            leave(member)
            gone.append(member)
        }
        return gone
    }

    private struct Holder {
        let member: AnyObject
        var bytes: Int
        var pace: Pace

        /// Seconds until all is taken.
        func delay(at now: MonotonicInstant) -> Double { Double(bytes) / pace.bytesPerSecond(at: now) }
    }
}

/// How fast the other end takes what waits for it: on average since five to ten seconds ago, or since something does.
private struct Pace {
    private static let interval = Duration.seconds(5)

    /// What was told last.
    private var last: (taken: UInt64, at: MonotonicInstant)
    /// What was taken, by when: where it is counted from, and what takes its place.
    private var start: (taken: UInt64, at: MonotonicInstant)
    private var next: (taken: UInt64, at: MonotonicInstant)

    /// `before` anything waited so many bytes were taken, and so many now.
    init(_ before: UInt64, _ taken: UInt64, at now: MonotonicInstant) {
        last = (taken, now)
        start = (before, now)
        next = start
    }

    mutating func count(_ taken: UInt64, at now: MonotonicInstant) {
        defer { last = (taken, now) }
        if now - last.at >= Pace.interval {
            // Nothing worth telling was taken since: what was before is of no account.
            start = last
            next = (taken, now)
        } else if now - next.at >= Pace.interval {
            start = next
            next = (taken, now)
        }
    }

    /// Never zero: a byte, at least, in the time that was looked at; and a second of it at least.
    func bytesPerSecond(at now: MonotonicInstant) -> Double {
        let count = last.taken > start.taken ? last.taken - start.taken : 1
        return Double(count) / max((now - start.at) / .seconds(1), 1)
    }
}
