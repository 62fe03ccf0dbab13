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
        firstHops: [NodeUUID]? = nil, avoiding avoidance: PathAvoidance = PathAvoidance(), seed: UInt8 = 1
    ) throws -> [NodeUUID] {
        var random = FastRandom(seed: Array(repeating: seed, count: 32))
        return try selection(settings).random(
            count: count, to: destination, at: destinationAddresses, from: candidates,
            firstHops: firstHops ?? candidates.map(\.node), avoiding: avoidance, random: &random)
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

    @Test func `begins with a first hop that it is given, and with no other`() throws {
        let candidates = (0..<30).map { candidate($0) }
        for seed in 1...50 {
            let path = try path(3, candidates, firstHops: [candidates[4].node], seed: UInt8(seed))
            #expect(path.first == candidates[4].node)
        }
        #expect(throws: PathFailure.tooFewNodes) { try path(3, candidates, firstHops: [destination]) }
        #expect(throws: PathFailure.tooFewNodes) { try path(3, candidates, firstHops: []) }
    }

    @Test func `names as fit first hops who is fit and apart from both ends`() {
        var candidates = (0..<3).map { candidate($0) }
        candidates += [candidate(98, network: 0xd000 - 0x2000), candidate(99, network: 0xd100 - 0x2000)]
        candidates[0].relays = false
        let fit = selection().fitFirstHops(to: destination, at: destinationAddresses, from: candidates)
        #expect(fit == [candidates[1].node, candidates[2].node])
    }

    @Test func `avoids links and relays that failed while there is a path without them`() throws {
        let nodes = (0..<4).map { candidate($0) }
        let first = nodes[0].node
        for seed in 1...100 {
            let links = PathAvoidance(links: [
                PathLink(first, nodes[1].node), PathLink(nodes[2].node, nodes[3].node),
                PathLink(nodes[3].node, destination),
            ])
            let path = try path(3, nodes, firstHops: [first], avoiding: links, seed: UInt8(seed))
            #expect([[0, 2, 1], [0, 3, 1]].map { $0.map { nodes[$0].node } }.contains(path))
        }
        for seed in 1...100 {
            let out = PathAvoidance(nodes: [first, nodes[2].node])
            let path = try path(3, nodes, firstHops: [first], avoiding: out, seed: UInt8(seed))
            #expect(path.first == first)
            #expect(!path.contains(nodes[2].node))
        }
        let all = PathAvoidance(nodes: Set(nodes.map(\.node)))
        #expect(try path(4, nodes, firstHops: [first], avoiding: all).count == 4)
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

    private let start = UnixTime(seconds: 1_000_000)
    private let settings = PathSettings()

    private func started(_ candidates: [PathCandidate], random: inout FastRandom) -> GuardSet {
        GuardSet().renewed(from: candidates, at: start, settings: settings, random: &random)
    }

    @Test func `keeps its nodes for long, replaces who is too old, and fills the gaps`() {
        var random = FastRandom(seed: Array(repeating: 3, count: 32))
        let candidates = (1...20).map { candidate(UInt64($0)) }
        let first = started(candidates, random: &random)
        #expect(Set(first.entries.map(\.node)).count == 3)
        let month = first.renewed(from: candidates, at: start + 30 * 86_400, settings: settings, random: &random)
        #expect(month == first)
        let old = first.renewed(from: candidates, at: start + 60 * 86_400, settings: settings, random: &random)
        #expect(old.entries.map(\.since) == Array(repeating: start + 60 * 86_400, count: 3))
    }

    @Test func `keeps a node that is gone from the list or not reached, passes it over, and comes back to it`() {
        var random = FastRandom(seed: Array(repeating: 4, count: 32))
        let candidates = (1...20).map { candidate(UInt64($0)) }
        let all = Set(candidates.map(\.node))
        var guards = started(candidates, random: &random)
        let nodes = guards.entries.map(\.node)

        guards.missed(nodes[0], at: start)
        #expect(guards.firstHops(from: all, at: start, settings: settings, random: &random) == [nodes[1], nodes[2]])
        let rest = candidates.filter { $0.node != nodes[1] }
        guards = guards.renewed(from: rest, at: start + 1, settings: settings, random: &random)
        #expect(guards.entries.map(\.node) == nodes)
        #expect(guards.firstHops(from: all, at: start + 1, settings: settings, random: &random) == [nodes[2]])

        #expect(guards.firstHops(from: all, at: start + 61, settings: settings, random: &random) == nodes)
        guards.reached(nodes[0])
        #expect(guards.entries[0].absence == nil)
    }

    @Test func `replaces who was absent for an hour without a break while others were there, and not too often`() {
        var random = FastRandom(seed: Array(repeating: 5, count: 32))
        let candidates = (1...20).map { candidate(UInt64($0)) }
        var guards = started(candidates, random: &random)
        let nodes = guards.entries.map(\.node)
        func renew(at now: UnixTime) {
            guards = guards.renewed(from: candidates, at: now, settings: settings, random: &random)
        }

        guards.missed(nodes[0], at: start)
        guards.missed(nodes[0], at: start + 3599)
        renew(at: start + 9000)
        #expect(guards.entries.map(\.node) == nodes)
        guards.missed(nodes[0], at: start + 9000)
        renew(at: start + 9000)
        #expect(guards.entries.prefix(2).map(\.node) == [nodes[1], nodes[2]])
        #expect(guards.entries.count == 3)

        var now = start + 9000
        for _ in 0..<20 {
            guards.missed(guards.entries[0].node, at: now)
            now = now + 3600
            guards.missed(guards.entries[0].node, at: now)
            renew(at: now)
        }
        #expect(guards.entries.filter { $0.absence == nil }.count == 2)
        #expect(guards.entries.first?.absence != nil)
    }

    @Test func `draws a few reserves while no guard is there, in order, and replaces nobody while all are gone`() {
        var random = FastRandom(seed: Array(repeating: 6, count: 32))
        let candidates = (1...20).map { candidate(UInt64($0)) }
        let all = Set(candidates.map(\.node))
        var guards = started(candidates, random: &random)
        var met = Set(guards.entries.map(\.node))
        for step in 0..<200 {
            let now = start + Int64(step) * 7
            guards = guards.renewed(from: candidates, at: now, settings: settings, random: &random)
            for hop in guards.firstHops(from: all, at: now, settings: settings, random: &random) {
                met.insert(hop)
                guards.missed(hop, at: now)
            }
        }
        #expect(met.count == settings.guardCount + settings.guardReservesMax)
        #expect(met == Set(guards.entries.map(\.node)))

        guards.reached(guards.entries[4].node)
        let now = start + 200 * 7
        #expect(
            guards.firstHops(from: all, at: now, settings: settings, random: &random) == [guards.entries[4].node])
        guards.reached(guards.entries[1].node)
        #expect(
            guards.firstHops(from: all, at: now, settings: settings, random: &random) == [guards.entries[1].node])
    }
}

@Suite struct `Path blame` {
    private let nodes = (1...6).map { NodeUUID(UUIDBytes(high: 3, low: UInt64($0))) }
    private let start = MonotonicInstant(nanoseconds: 0)

    @Test func `leaves out the link, and a relay only once two others were in it`() {
        var blame = PathBlame()
        blame.failed(nodes[0], nodes[1], isDestination: false, at: start)
        blame.failed(nodes[1], nodes[0], isDestination: false, at: start)
        #expect(blame.avoidance(at: start) == PathAvoidance(links: [PathLink(nodes[0], nodes[1])]))
        blame.failed(nodes[2], nodes[1], isDestination: false, at: start)
        #expect(blame.avoidance(at: start).nodes == [nodes[1]])
    }

    @Test func `leaves out a relay that reports two others`() {
        var blame = PathBlame()
        blame.failed(nodes[0], nodes[1], isDestination: false, at: start)
        blame.failed(nodes[0], nodes[2], isDestination: false, at: start)
        #expect(blame.avoidance(at: start).nodes == [nodes[0]])
    }

    @Test func `counts no destination, and leaves out who was not reached from here until it is`() {
        var blame = PathBlame()
        blame.failed(nodes[0], nodes[1], isDestination: true, at: start)
        blame.failed(nodes[2], nodes[1], isDestination: true, at: start)
        #expect(blame.avoidance(at: start).nodes == [])
        #expect(blame.avoidance(at: start).links.count == 2)
        blame.missed(nodes[3], at: start)
        #expect(blame.avoidance(at: start).nodes == [nodes[3]])
        blame.reached(nodes[3])
        #expect(blame.avoidance(at: start).nodes == [])
    }

    @Test func `forgets after a while, and holds no more than it may`() {
        var blame = PathBlame()
        for number in 0..<(PathBlame.linksMax + 10) {
            let node = NodeUUID(UUIDBytes(high: 4, low: UInt64(number)))
            blame.failed(nodes[0], node, isDestination: false, at: start)
        }
        #expect(blame.avoidance(at: start).links.count == PathBlame.linksMax)
        blame.missed(nodes[1], at: start)
        #expect(blame.avoidance(at: start + PathBlame.span) == PathAvoidance())
    }
}
