import GateModel
import GateStore
import Testing

@testable import GateKernel

@Suite struct NotesOfSightings {
    private func sighting(_ number: UInt64, bundle: UInt8 = 1, at seconds: Int64) -> PeerSighting {
        PeerSighting(
            node: NodeUUID(UUIDBytes(high: number, low: 0x8000_0000_0000_0000)),
            bundleHash: [UInt8](repeating: bundle, count: 32), features: 0, isRelay: nil, record: [],
            at: UnixTime(seconds: seconds))
    }

    @Test func `of each peer the last is kept, and of each identity that it showed`() {
        var notes = SightingNotes()
        for next in [sighting(1, at: 1), sighting(2, at: 2), sighting(1, bundle: 9, at: 3), sighting(1, at: 4)] {
            _ = notes.add(next)
        }
        let taken = notes.take()
        #expect(taken == [sighting(1, at: 4), sighting(2, at: 2), sighting(1, bundle: 9, at: 3)])
        let rest = notes.take()
        #expect(rest.isEmpty)
    }

    @Test func `what could not be written waits again, unless a later one came`() {
        var notes = SightingNotes()
        _ = notes.add(sighting(1, at: 1))
        _ = notes.add(sighting(2, at: 2))
        let taken = notes.take()
        _ = notes.add(sighting(3, at: 3))
        _ = notes.add(sighting(2, at: 4))
        let dropped = notes.putBack(taken[...])
        #expect(dropped == 0)
        let again = notes.take()
        #expect(again == [sighting(1, at: 1), sighting(2, at: 4), sighting(3, at: 3)])
    }

    @Test func `beyond the bound the latest are left out, and counted`() {
        var notes = SightingNotes()
        let kept = (0..<UInt64(WorkerRegistry.notesMax)).count { notes.add(sighting($0, at: 1)) }
        #expect(kept == WorkerRegistry.notesMax)
        let isKept = notes.add(sighting(1 << 40, at: 2))
        #expect(!isKept)
        let isKnown = notes.add(sighting(5, at: 2))
        #expect(isKnown, "one that is known has its room")
        let taken = notes.take()
        for number in 0..<10 { _ = notes.add(sighting(1 << 41 + UInt64(number), at: 3)) }
        let dropped = notes.putBack(taken[...])
        #expect(dropped == 10)
        let count = notes.take().count
        #expect(count == WorkerRegistry.notesMax)
    }
}
