import GateModel

/// What waits in all sessions of one event loop for their peers, and who has to go where that is too much.
///
/// While less than half of ``bytesMax`` waits, a session's streams may borrow a quarter of what is left of that half at each
/// step (``CreditLedger``): few have all that they can use, many less each. Beyond, nothing is lent. What nobody holds back
/// (streams' own bytes, what was told before, what sockets queue) may go on from there. Where more than ``bytesMax`` waits,
/// sessions end until an eighth of it is free: first whose peer would take longest to read what waits for it, at the pace
/// of its last seconds. So who wants to stay has to read as fast as those who mean it. One session stays in any case.
///
/// Less than ``leastBytes`` in a session count for nothing. A step is a look into a table; only ``takeSlowest(at:)`` goes
/// through all that count.
struct Backlog<Session: AnyObject> {
    /// Bytes that wait in a session from which on it counts.
    static var leastBytes: Int { 16 << 10 }
    /// A session may be lent what is left over this at most.
    static var shareOfRest: Int { 4 }
    /// What is free when sessions have ended is this part of all.
    static var shareOfRelief: Int { 8 }

    /// Bytes that may wait before somebody has to go.
    var bytesMax: Int
    /// What waits in all that count.
    private(set) var bytes = 0
    private var holders: [ObjectIdentifier: Holder] = [:]

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    /// Whether somebody has to go.
    var isOver: Bool { bytes > bytesMax }

    /// How much a session in which so much waits may be lent.
    func room(waiting: Int) -> CreditRoom {
        let rest = max(bytesMax / 2 - bytes, 0)
        return CreditRoom(bytes: UInt64(waiting + rest / Backlog.shareOfRest), isCrowded: rest == 0)
    }

    /// The sessions that count.
    var sessions: [Session] { holders.values.map(\.session) }

    /// So much waits in a session from now on. Its peer took so many bytes so far, and had taken `before` when it was last
    /// heard of.
    mutating func count(
        _ waiting: Int, taken: UInt64, before: UInt64, by session: Session, at now: MonotonicInstant
    ) {
        guard waiting >= Backlog.leastBytes else { return leave(session) }
        bytes += waiting
        let key = ObjectIdentifier(session)
        guard let place = holders.index(forKey: key) else {
            holders[key] = Holder(session: session, bytes: waiting, pace: Pace(before, taken, at: now))
            return
        }
        bytes -= holders.values[place].bytes
        holders.values[place].bytes = waiting
        holders.values[place].pace.count(taken, at: now)
    }

    /// Nothing waits in a session any more.
    mutating func leave(_ session: Session) {
        if let holder = holders.removeValue(forKey: ObjectIdentifier(session)) { bytes -= holder.bytes }
    }

    /// The sessions that have to go, which count no more; none where no more waits than may.
    mutating func takeSlowest(at now: MonotonicInstant) -> [Session] {
        guard isOver else { return [] }
        let slowest = holders.values.map { ($0.session, $0.delay(at: now)) }.sorted { $0.1 > $1.1 }.map(\.0)
        var gone: [Session] = []
        for session in slowest.dropLast() where bytes > bytesMax - bytesMax / Backlog.shareOfRelief {
            leave(session)
            gone.append(session)
        }
        return gone
    }

    private struct Holder {
        let session: Session
        var bytes: Int
        var pace: Pace

        /// Seconds until the peer has read all.
        func delay(at now: MonotonicInstant) -> Double { Double(bytes) / pace.bytesPerSecond(at: now) }
    }
}

/// How fast a peer takes what waits for it: on average since five to ten seconds ago, or since something does.
private struct Pace {
    private static let interval = Duration.seconds(5)

    private var taken: UInt64
    /// What was taken, by when: where it is counted from, and what takes its place.
    private var start: (taken: UInt64, at: MonotonicInstant)
    private var next: (taken: UInt64, at: MonotonicInstant)

    /// `before` anything waited so many bytes were taken, and so many now.
    init(_ before: UInt64, _ taken: UInt64, at now: MonotonicInstant) {
        self.taken = taken
        start = (before, now)
        next = start
    }

    mutating func count(_ taken: UInt64, at now: MonotonicInstant) {
        self.taken = taken
        guard now - next.at >= Pace.interval else { return }
        start = next
        next = (taken, now)
    }

    /// Never zero: a byte, at least, in the time that was looked at; and a second of it at least.
    func bytesPerSecond(at now: MonotonicInstant) -> Double {
        let count = taken > start.taken ? taken - start.taken : 1
        return Double(count) / max((now - start.at) / .seconds(1), 1)
    }
}
