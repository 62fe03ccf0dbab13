import GateModel
import GateStore

/// What the database is still to be told of this worker's sessions: of each the newest, and which are over.
///
///     waiting ──takeBatch──▶ under way ──settled──▶ written
///        ▲──────────────────────┘ failed, unless it is over meanwhile
///
/// What is over is never told as open afterwards, in whatever order batches are written or fail. Sessions that are open
/// are as many as the worker has; of those that are over a bound is kept, and ``hasLost`` says that more were.
struct SessionNotes {
    /// What is written in one transaction.
    struct Batch {
        var opened: [SessionID: SessionNote] = [:]
        var closed: Set<SessionStand> = []
        var isEmpty: Bool { opened.isEmpty && closed.isEmpty }
    }

    private var waiting = Batch()
    private var underWay = Batch()
    /// Whether sessions that are over could not be kept: their rows stay until the worker registers anew.
    var hasLost = false

    /// Sessions that are over which wait for the database.
    static let closedMax = 10_000

    /// Takes what became of sessions, in the order of events: all of `opened` was before `closed`, or is another's.
    mutating func add(opened: [SessionNote], closed: [SessionStand]) {
        for note in opened { SessionNotes.add(note, to: &waiting) }
        for stand in closed {
            SessionNotes.remove(stand, from: &waiting)
            SessionNotes.remove(stand, from: &underWay)
            guard waiting.closed.count < SessionNotes.closedMax else {
                hasLost = true
                continue
            }
            waiting.closed.insert(stand)
        }
    }

    /// What is to be written next, at most `limit`; ``settled(_:)`` follows. `nil` where nothing waits.
    mutating func takeBatch(limit: Int) -> Batch? {
        guard !waiting.isEmpty else { return nil }
        let closed = waiting.closed.prefix(max(limit / 2, limit - waiting.opened.count))
        let opened = waiting.opened.prefix(limit - closed.count)
        underWay = Batch(
            opened: Dictionary(uniqueKeysWithValues: opened.map { ($0.key, $0.value) }), closed: Set(closed))
        waiting.closed.subtract(underWay.closed)
        for id in underWay.opened.keys { waiting.opened[id] = nil }
        return underWay
    }

    /// The batch was written, or waits again.
    mutating func settled(isWritten: Bool) {
        defer { underWay = Batch() }
        guard !isWritten else { return }
        for note in underWay.opened.values { SessionNotes.add(note, to: &waiting) }
        waiting.closed.formUnion(underWay.closed)
    }

    /// Whether nothing is to be written, nor under way.
    var isEmpty: Bool { waiting.isEmpty && underWay.isEmpty }

    /// Sessions that the database is yet to hear of.
    var opened: Set<SessionID> { Set(waiting.opened.keys).union(underWay.opened.keys) }

    /// Whether the database is yet to hear that the session is open.
    func holds(_ id: SessionID) -> Bool { waiting.opened[id] != nil || underWay.opened[id] != nil }

    private static func add(_ note: SessionNote, to batch: inout Batch) {
        guard let other = batch.opened[note.row.id] else { return batch.opened[note.row.id] = note }
        if other.row.epoch == note.row.epoch {
            batch.opened[note.row.id] = note.secret.isEmpty ? other : note
        } else if other.row.epoch < note.row.epoch {
            batch.opened[note.row.id] = note
        }
    }

    private static func remove(_ stand: SessionStand, from batch: inout Batch) {
        guard let note = batch.opened[stand.id], note.row.epoch <= stand.epoch else { return }
        batch.opened[stand.id] = nil
    }
}
