import GateCrypto
import GateModel
import Testing

@testable import GateRouting

@Suite struct `Path selection` {
    private let own = `Path selection`.node(1000)
    private let destination = `Path selection`.node(2000)
    private let destinationAddresses = [IPAddress.v4(0xd000_0001)]

    private static func node(_ number: Int) -> NodeUUID { NodeUUID(UUIDBytes(high: 7, low: UInt64(number))) }

    /// Candidate `number` is in a /16 of its own, learnt from one of three nodes.
    private func candidate(_ number: Int, network: Int? = nil) -> PathCandidate {
        PathCandidate(
            node: `Path selection`.node(number), addresses: [.v4(0x2000_0000 + UInt32(network ?? number) << 16 + 5)],
            relays: true, age: .seconds(3600), reputation: 100, source: `Path selection`.node(5000 + number % 3))
    }

    private func selection(_ settings: PathSettings = PathSettings()) -> PathSelection {
        PathSelection(own: own, ownAddresses: [.v4(0xd100_0001)], settings: settings)
    }

    private func path(
        _ count: Int, _ candidates: [PathCandidate], settings: PathSettings = PathSettings(),
        guards: GuardSet = GuardSet(), seed: UInt8 = 1
    ) throws -> [NodeUUID] {
        var random = FastRandom(seed: Array(repeating: seed, count: 32))
        return try selection(settings).random(
            count: count, to: destination, at: destinationAddresses, from: candidates, guards: guards, random: &random)
    }

    @Test(arguments: 0...8)
    func `gives as many different relays as asked for`(count: Int) throws {
        let candidates = (0..<20).map { candidate($0) }
        for seed in 1...50 {
            let path = try path(count, candidates, seed: UInt8(seed))
            #expect(path.count == count)
            #expect(Set(path).count == count)
        }
    }

    @Test func `keeps relays in networks apart from each other, the origin and the destination`() throws {
        var candidates = (0..<40).map { candidate($0, network: $0 % 4) }
        candidates.append(candidate(98, network: 0xd000 - 0x2000))
        candidates.append(candidate(99, network: 0xd100 - 0x2000))
        for seed in 1...100 {
            let path = try path(4, candidates, seed: UInt8(seed))
            let networks = path.map { $0.value.low % 4 }
            #expect(Set(networks).count == 4)
            #expect(!path.contains(candidates[40].node))
            #expect(!path.contains(candidates[41].node))
        }
        #expect(throws: PathFailure.tooFewNodes) { try path(5, candidates) }
    }

    @Test func `takes nodes of one network where settings allow it`() throws {
        var settings = PathSettings()
        settings.allowsSameNetwork = true
        let candidates = (0..<4).map { candidate($0, network: 0) }
        #expect(throws: PathFailure.tooFewNodes) { try path(2, candidates) }
        #expect(try path(4, candidates, settings: settings).count == 4)
    }

    @Test func `leaves out who doesn't relay, is too new, of bad repute, without address, itself or the destination`() {
        var candidates = (0..<4).map { candidate($0) }
        candidates[0].relays = false
        candidates[1].age = .seconds(10)
        candidates[2].reputation = 0
        candidates[3].addresses = []
        candidates += [candidate(1000), candidate(2000)]
        var settings = PathSettings()
        settings.ageMin = .seconds(60)
        #expect(throws: PathFailure.tooFewNodes) { try path(1, candidates, settings: settings) }
    }

    @Test func `never takes a path whose nodes were all learnt from one source`() throws {
        var candidates = (0..<6).map { candidate($0) }
        for index in candidates.indices { candidates[index].source = destination }
        #expect(throws: PathFailure.tooFewNodes) { try path(2, candidates) }
        #expect(try path(1, candidates).count == 1)
        candidates[0].source = own
        for seed in 1...20 {
            #expect(try path(2, candidates, seed: UInt8(seed)).contains(candidates[0].node))
        }
    }

    @Test func `begins with a guard while one is fit`() throws {
        let candidates = (0..<30).map { candidate($0) }
        let guards = GuardSet(entries: [GuardSet.Entry(node: candidates[4].node, since: UnixTime(seconds: 0))])
        for seed in 1...50 {
            #expect(try path(3, candidates, guards: guards, seed: UInt8(seed)).first == candidates[4].node)
        }
        let gone = GuardSet(entries: [GuardSet.Entry(node: destination, since: UnixTime(seconds: 0))])
        #expect(try path(3, candidates, guards: gone).count == 3)
    }

    @Test func `takes a named path as it is named, where its nodes are fit and apart`() throws {
        let candidates = (0..<6).map { candidate($0) } + [candidate(7, network: 1)]
        let nodes = [candidates[3].node, candidates[1].node]
        let named = { (nodes: [NodeUUID]) throws(PathFailure) in
            try selection().named(nodes, to: destination, at: destinationAddresses, from: candidates)
        }
        #expect(try named(nodes) == nodes)
        #expect(try named([]) == [])
        #expect(throws: PathFailure.unknownNode(destination)) { try named([destination]) }
        #expect(throws: PathFailure.unfitNode(nodes[0])) { try named([nodes[0], nodes[0]]) }
        #expect(throws: PathFailure.notApart) { try named([candidates[1].node, candidates[6].node]) }
        #expect(throws: PathFailure.badLength) { try named(Array(repeating: nodes[0], count: 9)) }
    }
}

@Suite struct `Guard set` {
    private func candidate(_ number: UInt64) -> PathCandidate {
        PathCandidate(
            node: NodeUUID(UUIDBytes(high: 9, low: number)), addresses: [.v4(UInt32(number) << 16)], relays: true,
            age: .seconds(1), reputation: 1, source: NodeUUID(UUIDBytes(high: 9, low: 0)))
    }

    @Test func `keeps its nodes for long, drops who is gone or too old, and fills the gaps`() {
        var random = FastRandom(seed: Array(repeating: 3, count: 32))
        let candidates = (1...20).map { candidate(UInt64($0)) }
        let settings = PathSettings()
        let start = UnixTime(seconds: 1_000_000)
        let first = GuardSet().renewed(from: candidates, at: start, settings: settings, random: &random)
        #expect(Set(first.entries.map(\.node)).count == 3)

        let month = first.renewed(
            from: candidates, at: start + 30 * 86_400, settings: settings, random: &random)
        #expect(month == first)

        let rest = candidates.filter { $0.node != first.entries[0].node }
        let without = first.renewed(from: rest, at: start + 30 * 86_400, settings: settings, random: &random)
        #expect(without.entries.prefix(2) == first.entries.suffix(2))
        #expect(without.entries.count == 3)

        let old = without.renewed(from: candidates, at: start + 60 * 86_400, settings: settings, random: &random)
        #expect(old.entries.count == 3)
        #expect(old.entries[0] == without.entries[2])
    }
}
