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
        for late in [sighting(1, at: 1), sighting(2, at: 2), sighting(1, bundle: 9, at: 3), sighting(1, at: 4)] {
            #expect(notes.add(late))
        }
        #expect(notes.take() == [sighting(1, at: 4), sighting(2, at: 2), sighting(1, bundle: 9, at: 3)])
        #expect(notes.take().isEmpty)
    }

    @Test func `what could not be written waits again, unless a later one came`() {
        var notes = SightingNotes()
        _ = notes.add(sighting(1, at: 1))
        _ = notes.add(sighting(2, at: 2))
        let taken = notes.take()
        _ = notes.add(sighting(3, at: 3))
        _ = notes.add(sighting(2, at: 4))
        #expect(notes.putBack(taken[...]) == 0)
        #expect(notes.take() == [sighting(1, at: 1), sighting(2, at: 4), sighting(3, at: 3)])
    }

    @Test func `beyond the bound the latest are left out, and counted`() {
        var notes = SightingNotes()
        let most = (0..<UInt64(WorkerRegistry.notesMax)).map { sighting($0, at: 1) }
        for sighting in most { #expect(notes.add(sighting)) }
        #expect(!notes.add(sighting(1 << 40, at: 2)))
        #expect(notes.add(sighting(5, at: 2)), "one that is known has its room")
        let taken = notes.take()
        for number in 0..<10 { _ = notes.add(sighting(1 << 41 + UInt64(number), at: 3)) }
        #expect(notes.putBack(taken[...]) == 10)
        #expect(notes.take().count == WorkerRegistry.notesMax)
    }
}
