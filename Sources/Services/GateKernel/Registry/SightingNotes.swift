import GateModel
import GateStore

/// Peers that were seen and that the database is still to be told of: of each, under each identity that it showed, the
/// last sighting, in the order of the first. Within a bound.
struct SightingNotes {
    private struct Key: Hashable {
        let node: NodeUUID
        let bundleHash: [UInt8]

        init(_ sighting: PeerSighting) {
            node = sighting.node
            bundleHash = sighting.bundleHash
        }
    }

    private var waiting: [PeerSighting] = []
    private var places: [Key: Int] = [:]

    /// Notes one more; `false` where there is no room for it.
    mutating func add(_ sighting: PeerSighting) -> Bool {
        let key = Key(sighting)
        if let place = places[key] {
            waiting[place] = sighting
            return true
        }
        guard waiting.count < WorkerRegistry.notesMax else { return false }
        places[key] = waiting.count
        waiting.append(sighting)
        return true
    }

    /// Takes all that waits.
    mutating func take() -> [PeerSighting] {
        defer { self = SightingNotes() }
        return waiting
    }

    /// What was taken and could not be written waits again, before what came meanwhile; how many had no room.
    mutating func putBack(_ sightings: ArraySlice<PeerSighting>) -> Int {
        let later = take()
        return (sightings + later).count { !add($0) }
    }
}
