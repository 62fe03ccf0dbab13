import GateModel

/// Credit that a peer grants on one stream, and the part of it that the extender was told: so much that what all streams
/// of the session were told stays within the bounds of ``CreditLedger``.
struct CreditGate {
    /// What the peer has granted, an offset in the stream.
    private(set) var granted: UInt64 = 0
    /// What the extender was told of it.
    private(set) var passedOn: UInt64 = 0
    /// What the extender has sent.
    private(set) var sent: UInt64 = 0
    /// Up to here the extender sends without being told.
    private var unasked: UInt64 = 0
    /// Whether the stream waits in the ledger's queue.
    var isInQueue = false

    /// The extender learns this without being told.
    static let opener: CreditGate = {
        var gate = CreditGate()
        gate.granted = StreamLimits.openerCredit
        gate.passedOn = StreamLimits.openerCredit
        gate.unasked = StreamLimits.openerCredit
        return gate
    }()

    /// A stream of an earlier epoch goes on: the extender may send nothing that it was not told anew.
    init(resuming peer: StreamStanding) {
        granted = max(peer.limit, peer.received)
        passedOn = peer.received
        sent = peer.received
    }

    init() {}

    /// Whether the peer has granted more than the extender knows.
    var isHeldBack: Bool { passedOn < granted }

    /// Bytes that the extender was told of and has not sent, but for those that no worker can keep back.
    var outstanding: UInt64 {
        let used = max(sent, unasked)
        return passedOn > used ? passedOn - used : 0
    }

    /// Takes a limit of the peer's; one that is lower than an earlier one means nothing.
    mutating func grant(_ limit: UInt64) { granted = max(granted, limit) }

    /// Counts what the extender sent.
    mutating func count(_ byteCount: Int) { sent += UInt64(byteCount) }

    /// The limit to tell the extender now, if there is news that is worth a frame.
    mutating func next(window: UInt64) -> UInt64? {
        let limit = min(granted, sent + window)
        guard limit > passedOn, limit == granted || limit - passedOn >= window / 8 else { return nil }
        passedOn = limit
        return limit
    }
}
