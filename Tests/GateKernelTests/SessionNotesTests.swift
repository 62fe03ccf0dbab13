import GateModel
import GateStore
import Testing

@testable import GateKernel

@Suite struct NotesOfSessions {
    private func note(_ number: UInt64, _ epoch: SessionEpoch = 0, secret: [UInt8] = []) -> SessionNote {
        SessionNote(
            row: SessionRow(
                id: id(number), epoch: epoch, peer: nil, worker: "kernel-1", isRelayed: false, isInbound: true,
                since: UnixTime(seconds: 0)), secret: secret)
    }

    private func id(_ number: UInt64) -> SessionID { SessionID(UUIDBytes(high: number, low: 1)) }

    private func stand(_ number: UInt64, _ epoch: SessionEpoch = 0) -> SessionStand {
        SessionStand(id: id(number), epoch: epoch)
    }

    /// Writes all that waits, and returns what the database then has.
    private func written(_ notes: inout SessionNotes, limit: Int, over rows: Set<SessionID> = []) -> Set<SessionID> {
        var rows = rows
        while let batch = notes.takeBatch(limit: limit) {
            #expect(batch.opened.count + batch.closed.count <= limit)
            rows.formUnion(batch.opened.keys)
            for stand in batch.closed { rows.remove(stand.id) }
            notes.settled(isWritten: true)
        }
        return rows
    }

    @Test func `a session that ends while many wait is not written down after its end`() {
        var notes = SessionNotes()
        notes.add(opened: (1...50).map { note($0) }, closed: [])
        notes.add(opened: [], closed: (1...25).map { stand($0) })
        #expect(written(&notes, limit: 10) == Set((26...50).map(id)))
    }

    @Test func `what could not be written waits, but for what ended meanwhile`() {
        var notes = SessionNotes()
        notes.add(opened: [note(1), note(2)], closed: [stand(3)])
        _ = notes.takeBatch(limit: 10)
        notes.add(opened: [note(4)], closed: [stand(2)])
        #expect(notes.holds(id(1)) && !notes.holds(id(2)))
        notes.settled(isWritten: false)
        let batch = notes.takeBatch(limit: 10)
        #expect(batch.map { Set($0.opened.keys) } == [id(1), id(4)])
        #expect(batch?.closed == [stand(2), stand(3)])
    }

    @Test func `all that is noted again while a batch is under way is written`() {
        var notes = SessionNotes()
        notes.add(opened: [note(1), note(2)], closed: [])
        _ = notes.takeBatch(limit: 2)
        notes.add(opened: [note(1), note(2), note(3)], closed: [])
        notes.settled(isWritten: true)
        #expect(written(&notes, limit: 10) == [id(1), id(2), id(3)])
    }

    @Test func `a secret that waits is kept when the session is noted again without, and a greater epoch stays`() {
        var notes = SessionNotes()
        notes.add(opened: [note(1, secret: [1]), note(2, 2)], closed: [])
        notes.add(opened: [note(1), note(2, 1)], closed: [stand(2, 1)])
        let batch = notes.takeBatch(limit: 10)
        #expect(batch?.opened[id(1)] == note(1, secret: [1]))
        #expect(batch?.opened[id(2)] == note(2, 2), "an earlier epoch's end is not the session's")
    }

    @Test func `it is known when too many ended for all to be kept`() {
        var notes = SessionNotes()
        notes.add(opened: [], closed: (1...UInt64(SessionNotes.closedMax)).map { stand($0) })
        #expect(!notes.hasLost)
        notes.add(opened: [note(1)], closed: [stand(0)])
        #expect(notes.hasLost)
        #expect(notes.holds(id(1)), "sessions that stand are noted nevertheless")
    }
}
