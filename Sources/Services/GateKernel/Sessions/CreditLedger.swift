import GateModel
import NIOCore

/// What all streams of one session may send towards the peer: however many there are and whatever the peer grants, what
/// extenders were told and have not sent, and what waits, keep within one sum.
///
/// Each stream has ``leastBytes`` of its own. What it is told beyond that it borrows: bytes that are borrowed or wait are at
/// most ``sharedBytesMax``, and a stream borrows a quarter of what is left of them at most. Credit can't be taken back, so
/// a stream that is told much and falls silent keeps it; its own bytes are what a stream then goes on with.
///
/// A stream that gets nothing stands in a queue, and others behind it; each is told more in its turn once what waits has
/// gone. Below the low water mark (``CreditRoom/lowWaterBytes``) each gets its own bytes at least, so none waits for ever.
/// Where much waits in all sessions of the loop there is less to borrow, or nothing, and that mark is lower.
///
/// Every step is of one stream; only a stream that ends while it waits is looked for.
struct CreditLedger {
    /// What a stream may be told in any case, once less than the low water mark waits.
    static let leastBytes: UInt64 = 8 << 10
    /// Bytes of all streams that are borrowed or wait.
    static let sharedBytesMax: UInt64 = 8 << 20
    /// What is borrowed and waits is at most this where a stream is told of its own bytes.
    static let refillBytesMax = sharedBytesMax + UInt64(SessionEndpoint.lowWaterBytes)
    /// A stream borrows what is left over this at most.
    static let shareOfRest: UInt64 = 4

    /// Sum of what each stream was told and has not sent beyond its own bytes.
    private(set) var borrowed: UInt64 = 0
    private var queue = CircularBuffer<UInt32>()

    /// What told and waiting bytes come to at most, but for the first ``StreamLimits/openerCredit`` of streams that our
    /// extenders open themselves: those they need no word for.
    static func bytesMax(streamCount: Int) -> UInt64 { refillBytesMax + UInt64(streamCount) * leastBytes }

    /// How many streams wait for their turn.
    var queueCount: Int { queue.count }

    /// Counts what the extender sent: it waits from now on.
    mutating func count(_ byteCount: Int, of gate: inout CreditGate) {
        let before = CreditLedger.loan(of: gate)
        gate.count(byteCount)
        borrowed -= before - CreditLedger.loan(of: gate)
    }

    /// The limit to tell a stream's extender now; `nil` where there is no news that is worth a frame, or where the stream has
    /// to wait for its turn. `waiting` bytes wait for the peer, so many streams are open, and the session has that room.
    mutating func next(
        _ gate: inout CreditGate, of stream: UInt32, waiting: Int, streamCount: Int, room: CreditRoom,
        isItsTurn: Bool = false
    ) -> UInt64? {
        guard gate.isHeldBack else { return nil }
        let mayPass = isItsTurn || queue.isEmpty
        let window = mayPass ? window(of: gate, waiting: waiting, streamCount: streamCount, room) : 0
        guard window > 0 else {
            if !gate.isInQueue { queue.append(stream) }
            gate.isInQueue = true
            return nil
        }
        let before = CreditLedger.loan(of: gate)
        guard let limit = gate.next(window: window) else { return nil }
        borrowed += CreditLedger.loan(of: gate) - before
        return limit
    }

    /// The stream whose turn is next, off the queue: its ``CreditGate/isInQueue`` is the caller's to clear.
    mutating func takeTurn() -> UInt32? { queue.popFirst() }

    /// The stream is gone, and what it was told with it.
    mutating func leave(_ gate: CreditGate, of stream: UInt32) {
        borrowed -= CreditLedger.loan(of: gate)
        if gate.isInQueue, let index = queue.firstIndex(of: stream) { queue.remove(at: index) }
    }

    private func window(of gate: CreditGate, waiting: Int, streamCount: Int, _ room: CreditRoom) -> UInt64 {
        guard waiting <= SessionEndpoint.highWaterBytes else { return 0 }
        let others = borrowed - CreditLedger.loan(of: gate) + UInt64(waiting)
        let shared = min(room.bytes, CreditLedger.sharedBytesMax)
        let rest = others < shared ? shared - others : 0
        // A stream that never sent much keeps nothing from others that do.
        let worth = max(gate.sent, StreamLimits.openerCredit)
        let share = max(CreditLedger.sharedBytesMax / UInt64(max(streamCount, 1)), StreamLimits.openerCredit)
        let window = min(share, rest / CreditLedger.shareOfRest, worth, StreamLimits.windowMax)
        if window > CreditLedger.leastBytes, !room.isCrowded { return window }
        let isLow = !room.isCrowded || waiting < room.lowWaterBytes
        return isLow && borrowed + UInt64(waiting) <= CreditLedger.refillBytesMax ? CreditLedger.leastBytes : 0
    }

    private static func loan(of gate: CreditGate) -> UInt64 {
        gate.outstanding > leastBytes ? gate.outstanding - leastBytes : 0
    }
}

/// How much a session's streams may borrow, as much as waits in all sessions of its event loop (``LoopBacklog``).
struct CreditRoom: Equatable {
    /// Bytes that may be borrowed or wait.
    let bytes: UInt64
    /// Whether nothing is left to lend.
    let isCrowded: Bool

    /// Below so many bytes that wait extenders may send more: each stream its own bytes, in turn.
    var lowWaterBytes: Int { isCrowded ? CreditRoom.crowdedBytes : SessionEndpoint.lowWaterBytes }

    /// Above so many bytes that wait the peer's credit is kept back.
    var highWaterBytes: Int { isCrowded ? CreditRoom.crowdedBytes : SessionEndpoint.highWaterBytes }

    /// Both marks where nothing is left to lend: enough for a record or two.
    static let crowdedBytes = 64 << 10
    /// As much as a session can use.
    static let ample = CreditRoom(bytes: .max, isCrowded: false)
}
