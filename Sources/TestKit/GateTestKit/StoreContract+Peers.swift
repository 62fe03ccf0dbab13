import GateModel
import GateStore

extension StoreContract {
    static let peers = [
        Case("a peer is added, changed field by field, and removed") { subject in
            let store = subject.store
            try await expect(store.peer(node(1)) == nil, "an unknown peer is nil")
            let endpoints = [Endpoint(host: "example.org", port: 7700), Endpoint(host: "::1", port: 1)]
            _ = try await store.editPeer(
                node(1), PeerEdit(endpoints: endpoints, access: .allowed, note: "é", record: [1, 2, 3]))
            let row = try await store.editPeer(node(1), PeerEdit(access: .denied))
            var expected = PeerRow(node: node(1))
            expected.endpoints = endpoints
            expected.access = .denied
            expected.note = "é"
            expected.record = [1, 2, 3]
            try expect(row == expected, "fields that are not named stay")
            try await expect(store.peer(node(1)) == expected, "read as written")
            try await store.removePeer(node(1))
            try await expect(store.peer(node(1)) == nil, "removed")
            try await expect(.notFound) { try await store.removePeer(node(1)) }
        },
        Case("too many endpoints and too long a note are refused") { subject in
            let many = (0..<9).map { Endpoint(host: "h", port: $0) }
            try await expectInvalid { _ = try await subject.store.editPeer(node(1), PeerEdit(endpoints: many)) }
            let long = String(repeating: "x", count: 257)
            try await expectInvalid { _ = try await subject.store.editPeer(node(1), PeerEdit(note: long)) }
            try await expect(subject.store.peer(node(1)) == nil, "nothing was added")
        },
        Case("the first bundle of a peer is pinned and a second one is refused") { subject in
            let store = subject.store
            try await store.notePeer(sighting(node(1), bundle: 1, at: 100))
            try await store.notePeer(sighting(node(1), bundle: 1, at: 200))
            try await expect(.otherBundle) { try await store.notePeer(sighting(node(1), bundle: 2, at: 300)) }
            let row = try await store.peer(node(1))
            try expect(row?.bundleHash == [UInt8](repeating: 1, count: 32), "the first stays")
            try expect(row?.firstSeen?.seconds == 100 && row?.lastSeen?.seconds == 200, "the refusal is no sighting")
            try expect(row?.features == 5 && row?.isRelay == true && row?.record == [9, 9], "what it showed is kept")
        },
        Case("a batch of sightings refuses only those of another bundle") { subject in
            try await subject.store.notePeer(sighting(node(1), bundle: 1, at: 100))
            let refused = try await subject.store.notePeers([
                sighting(node(1), bundle: 2, at: 200), sighting(node(2), bundle: 2, at: 200),
            ])
            try expect(refused == [node(1)], "the other one is noted")
            try await expect(subject.store.peer(node(2))?.lastSeen?.seconds == 200, "the other one is noted")
            let short = PeerSighting(
                node: node(3), bundleHash: [1], features: 0, isRelay: nil, record: [], at: UnixTime(seconds: 1))
            try await expectInvalid { _ = try await subject.store.notePeers([short]) }
        },
        Case("a sighting keeps what an operator wrote") { subject in
            _ = try await subject.store.editPeer(node(1), PeerEdit(access: .allowed, note: "mine"))
            try await subject.store.notePeer(sighting(node(1), bundle: 1, at: 100))
            let row = try await subject.store.peer(node(1))
            try expect(row?.access == .allowed && row?.note == "mine", "access and note stay")
        },
        Case("peers are listed in pages, filtered") { subject in
            for number in [5, 3, 1, 4, 2] as [UInt64] {
                let edit = PeerEdit(
                    endpoints: number > 3 ? [Endpoint(host: "h", port: 1)] : [],
                    access: number % 2 == 0 ? .denied : .allowed, isRelay: number < 4)
                _ = try await subject.store.editPeer(node(number), edit)
            }
            func listed(_ filter: PeerFilter, after: UInt64? = nil, limit: Int = 10) async throws -> [UInt64] {
                try await subject.store.peers(filter, after: after.map(node), limit: limit).map(\.node.value.high)
            }
            try await expect(listed(PeerFilter()) == [1, 2, 3, 4, 5], "all, in order")
            try await expect(listed(PeerFilter(), limit: 2) == [1, 2], "at most the limit")
            try await expect(listed(PeerFilter(), after: 2, limit: 2) == [3, 4], "after the last")
            try await expect(listed(PeerFilter(access: .allowed)) == [1, 3, 5], "by access")
            try await expect(listed(PeerFilter(access: .allowed, isRelay: true)) == [1, 3], "by both")
            try await expect(listed(PeerFilter(hasEndpoint: true)) == [4, 5], "by endpoint")
            try await expect(listed(PeerFilter(isRelay: false, hasEndpoint: false)) == [], "none")
        },
        Case("a page of any length is the first rows after a node, no more and none left out") { subject in
            for number in 1...210 as ClosedRange<UInt64> {
                let access: PeerAccess = number % 7 == 0 ? .denied : .allowed
                _ = try await subject.store.editPeer(node(number), PeerEdit(access: access))
            }
            for filter in [PeerFilter(), PeerFilter(access: .allowed)] {
                let all = (1...210 as ClosedRange<UInt64>).filter { filter.access == nil || $0 % 7 != 0 }
                for limit in [1, 49, 50, 51, 100, 101, 200, 201, 500] {
                    let page = try await subject.store.peers(filter, after: node(all[2]), limit: limit)
                        .map(\.node.value.high)
                    try expect(page == Array(all.dropFirst(3).prefix(limit)), "a page of \(limit)")
                }
            }
        },
        Case("UUIDs are ordered as their bytes are") { subject in
            for high in [1, UInt64.max, 1 << 63] {
                _ = try await subject.store.editPeer(node(high), PeerEdit())
            }
            let listed = try await subject.store.peers(PeerFilter(), after: node(1), limit: 10).map(\.node.value.high)
            try expect(listed == [1 << 63, .max], "the first bit is not a sign")
        },
    ]
}
