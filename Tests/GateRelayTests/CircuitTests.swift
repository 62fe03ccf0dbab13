import Crypto
import GateCrypto
import GateModel
import GateSession
import GateWire
import NIOCore
import Testing

@testable import GateRelay

@Suite struct `Circuit` {
    private static func pattern(_ count: Int, _ seed: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 131 + seed) >> 3) })
    }

    @Test(arguments: 1...8)
    func `carries a megabyte each way through any number of relays, within its windows`(relays: Int) throws {
        var limits = RelayLimits()
        limits.windowCells = 96
        let circuit = try TestCircuit(relays: relays, startDepth: relays, limits: limits, seed: UInt64(relays))
        circuit.build()
        #expect(circuit.isBuilt)
        let (there, back) = (Circuit.pattern(1 << 20, 1), Circuit.pattern(1 << 20, 2))
        circuit.fromOrigin = there
        circuit.fromDestination = back
        circuit.run()
        #expect(circuit.failure == nil)
        #expect(circuit.atDestination == there)
        #expect(circuit.atOrigin == back)
        #expect(circuit.fromOrigin.readableBytes == 0)
        #expect(circuit.hops.count == relays)
        for box in circuit.hops {
            #expect(box.hop.waitingCountMax <= 96)
            #expect(box.hop.forwardedByteCount > 2 << 20)
        }
        #expect(circuit.reached == circuit.nodes.dropFirst(2).map(\.environment.node))
    }

    @Test(arguments: [0, RelayLimits.startDepthMax])
    func `is built with eight relays at the least and the greatest depth`(startDepth: Int) throws {
        let circuit = try TestCircuit(relays: 8, startDepth: startDepth)
        circuit.build()
        #expect(circuit.isBuilt)
    }

    @Test func `agrees with relays of other suites`() throws {
        let taken = SuitePreferences(
            kems: [.mlkem1024, .mlkem768], ciphers: [.chaChaPoly, .aesGCM], hashes: [.blake2b, .sha512])
        let nodes = [
            try TestNode(seed: 1, suites: taken),
            try TestNode(
                seed: 2,
                suites: SuitePreferences(only: NoiseSuite(kem: .mlkem1024, cipher: .chaChaPoly, hash: .blake2b))),
            try TestNode(
                seed: 3, suites: SuitePreferences(only: NoiseSuite(kem: .mlkem768, cipher: .aesGCM, hash: .sha512))),
            try TestNode(seed: 4),
        ]
        let circuit = TestCircuit(nodes: nodes)
        circuit.build()
        #expect(circuit.isBuilt)
    }

    @Test(arguments: [NoiseKEM.mlkem768, .mlkem1024], [0, 15 - 8])
    func `goes over relays and to a destination with ML-DSA identities`(kem: NoiseKEM, startDepth: Int) throws {
        let suites = SuitePreferences(only: NoiseSuite(kem: kem, cipher: .aesGCM, hash: .sha256))
        let nodes = try (1...9).map { try TestNode(seed: $0, suites: suites, isPostQuantum: !$0.isMultiple(of: 3)) }
        let circuit = TestCircuit(nodes: nodes, startDepth: startDepth)
        circuit.build()
        #expect(circuit.isBuilt)
        #expect(nodes.allSatisfy { $0.record.encoded.count <= RelayLimits.recordBytesMax })
    }

    @Test func `ends at a relay that does not sign with its ML-DSA key`() throws {
        let nodes = try (1...4).map { try TestNode(seed: $0, isPostQuantum: true) }
        let own = nodes[2].environment.credentials
        nodes[2].environment.credentials = WorkerCredentials(
            node: own.node, staticKey: own.staticKey, certificate: own.certificate,
            postQuantumKey: try PostQuantumKey())
        let circuit = TestCircuit(nodes: nodes)
        circuit.build()
        #expect(!circuit.isBuilt && circuit.failure != nil)
    }

    @Test func `goes over no relay whose record has no suite of ours`() throws {
        let other = SuitePreferences(only: NoiseSuite(kem: .mlkem1024, cipher: .aesGCM, hash: .sha256))
        let nodes = [
            try TestNode(seed: 1), try TestNode(seed: 2), try TestNode(seed: 3, suites: other), try TestNode(seed: 4),
        ]
        let circuit = TestCircuit(nodes: nodes)
        circuit.build()
        #expect(circuit.failure == .badPath)
    }

    @Test func `is refused by a relay that takes fewer suites than its record says, without another try`() throws {
        let nodes = try (1...3).map { try TestNode(seed: $0) }
        nodes[1].environment.suites = SuitePreferences(
            only: NoiseSuite(kem: .mlkem1024, cipher: .aesGCM, hash: .sha256))
        let circuit = TestCircuit(nodes: nodes)
        circuit.build()
        #expect(circuit.failure == .ended(.refused))
    }

    @Test func `waits within its windows while the destination allows nothing, and loses nothing`() throws {
        let circuit = try TestCircuit(relays: 2)
        circuit.build()
        circuit.holdsCreditOfDestination = true
        let bytes = Circuit.pattern(4 << 20, 5)
        circuit.fromOrigin = bytes
        circuit.run()
        #expect(circuit.fromOrigin.readableBytes > 1 << 20)
        #expect(circuit.atDestination.readableBytes < 1 << 20)
        #expect(circuit.hops[0].hop.waitingCountMax <= circuit.limits.windowCells)
        #expect(circuit.hops[1].hop.waitingCountMax <= circuit.limits.windowCells)
        circuit.holdsCreditOfDestination = false
        circuit.run()
        #expect(circuit.atDestination == bytes)
    }

    @Test func `waits within its windows while the destination reads nothing, and loses nothing`() throws {
        let circuit = try TestCircuit(relays: 2)
        circuit.build()
        circuit.destination?.machine.pause()
        let bytes = Circuit.pattern(4 << 20, 5)
        circuit.fromOrigin = bytes
        circuit.run()
        #expect(circuit.atDestination.readableBytes <= circuit.limits.windowCells * Cell.byteCount)
        var actions: [CircuitAction] = []
        circuit.destination?.machine.resume(into: &actions)
        circuit.perform(actions, at: circuit.hops.count)
        circuit.run()
        #expect(circuit.atDestination == bytes)
    }

    @Test func `has equal cells everywhere: no two alike, no byte position fixed but the header`() throws {
        let circuit = try TestCircuit(relays: 3)
        circuit.build()
        var bodies: [[UInt8]] = []
        circuit.tamper = { link, _, cells in
            guard link < 3 else { return }
            var cells = cells
            while let cell = cells.readBytes(length: Cell.byteCount) { bodies.append(Array(cell[5...])) }
        }
        circuit.fromOrigin = ByteBuffer(repeating: 0, count: 100_000)
        circuit.fromDestination = ByteBuffer(repeating: 0, count: 100_000)
        circuit.run()
        #expect(bodies.count > 300)
        #expect(Set(bodies).count == bodies.count)
        let fixed = (0..<Cell.bodyByteCount).filter { position in
            bodies.allSatisfy { $0[position] == bodies[0][position] }
        }
        #expect(fixed == [])
    }

    @Test(arguments: [0, 1, 2], [true, false])
    func `dies at the next honest hop where a bit is changed, and every part is told`(
        link: Int, isOnwards: Bool
    ) throws {
        let circuit = try TestCircuit(relays: 3)
        circuit.build()
        var isDone = false
        circuit.tamper = { at, way, cells in
            guard at == link, way == isOnwards, !isDone else { return }
            isDone = true
            cells.setInteger(
                cells.getInteger(at: cells.readerIndex + 700, as: UInt8.self).map { $0 ^ 4 } ?? 0,
                at: cells.readerIndex + 700)
        }
        circuit.fromOrigin = Circuit.pattern(50_000, 1)
        circuit.fromDestination = Circuit.pattern(50_000, 2)
        circuit.run()
        #expect(isDone)
        #expect(circuit.failure == (isOnwards ? .ended(.violation) : .violation))
        // Forward the hop behind the link finds out; in reverse only the origin can.
        #expect(circuit.endsSeen.contains("\(link) violation") == isOnwards)
        #expect(Set(circuit.endsSeen.map { $0.prefix(1) }) == ["0", "1", "2", "3"])
    }

    @Test func `is destroyed everywhere when its origin is done`() throws {
        let circuit = try TestCircuit(relays: 4)
        circuit.build()
        var actions: [CircuitAction] = []
        circuit.origin.finish(into: &actions)
        circuit.perform(actions, at: -1)
        circuit.run()
        #expect(
            circuit.endsSeen == ["-1 finished", "0 finished", "1 finished", "2 finished", "3 finished", "4 finished"])
    }

    @Test func `is destroyed towards both sides when a session in its middle is lost`() throws {
        let circuit = try TestCircuit(relays: 3)
        circuit.build()
        var actions: [CircuitAction] = []
        circuit.hops[1].hop.destroyed(by: .next, .lost, into: &actions)
        circuit.perform(actions, at: 1)
        circuit.run()
        #expect(circuit.failure == .ended(.lost))
        #expect(circuit.endsSeen == ["1 lost", "0 lost"])
    }

    @Test(arguments: [1, 2, 3])
    func `fails with the position where a node can't be reached`(position: Int) throws {
        let circuit = try TestCircuit(relays: 3)
        circuit.unreachable = [circuit.nodes[position + 1].environment.node]
        circuit.build()
        #expect(!circuit.isBuilt)
        #expect(circuit.failure == .unreachable(position: position))
        #expect(circuit.endsSeen.count == position)
    }

    @Test func `is not extended by a record whose signature is wrong, whose time is over or that is the relay's own`()
        throws
    {
        let nodes = try (1...5).map { try TestNode(seed: UInt8($0)) }
        var bytes = ByteBuffer()
        nodes[2].record.encode(into: &bytes)
        bytes.setInteger(UInt8(0x55), at: bytes.writerIndex - 20)
        let forged = try #require(NodeRecord(from: &bytes))
        let old = NodeRecord.issue(
            NodeRecord.Content(
                suites: [.standard], endpoints: [], relays: true, sequence: 1, expiry: TestNode.wall + -86_400),
            by: nodes[2].identity)
        for record in [forged, old] {
            let circuit = TestCircuit(
                nodes: nodes, path: [nodes[1].record, record, nodes[3].record], destination: nodes[4].record)
            circuit.build()
            #expect(circuit.failure == .unreachable(position: 1))
            #expect(circuit.reached == [])
        }
        let environment = nodes[1].environment
        var own = ByteBuffer()
        nodes[1].record.encode(into: &own)
        #expect(RecordCheck.accepted(own, own: environment.node, at: TestNode.wall) == nil)
        #expect(RecordCheck.accepted(own, own: nodes[0].environment.node, at: TestNode.wall) == nodes[1].record)
    }

    @Test func `ends, and does nothing else, on random cells at any of its parts`() throws {
        let circuit = try TestCircuit(relays: 1)
        circuit.build()
        var random = Sample.random()
        for kind in [CellKind.create, .created, .relay, .open] {
            for round in 0..<50 {
                let node = circuit.nodes[1]
                var cells = ByteBuffer(bytes: [0, 0, 0, 1, kind.rawValue, UInt8(round % 9), UInt8(round % 3), 1])
                random.append(Cell.byteCount - cells.readableBytes, to: &cells)
                var hop = CircuitHop(
                    circuit: 1, environment: node.environment, limits: RelayLimits(), at: circuit.now)
                var destination = CircuitDestination(circuit: 1, limits: RelayLimits(), at: circuit.now)
                var actions: [CircuitAction] = []
                hop.receivedFromPrevious(cells, at: circuit.now, wall: TestNode.wall, into: &actions)
                hop.receivedFromNext(cells, at: circuit.now, into: &actions)
                destination.received(cells, at: circuit.now, into: &actions)
                #expect(hop.phase == .ended)
                #expect(destination.writableByteCount == 0)
            }
        }
        var actions: [CircuitAction] = []
        var cells = ByteBuffer(bytes: [0, 0, 0, 1, 3])
        random.append(Cell.bodyByteCount, to: &cells)
        circuit.origin.received(cells, at: circuit.now, wall: TestNode.wall, into: &actions)
        #expect(circuit.origin.phase == .ended)
    }

    @Test func `ends where a neighbour sends more than it was granted`() throws {
        let circuit = try TestCircuit(relays: 1)
        circuit.begin()
        let cells = ByteBuffer(repeating: 3, count: (RelayLimits.initialCredit + 1) * Cell.byteCount)
        var hop = CircuitHop(
            circuit: 1, environment: circuit.nodes[1].environment, limits: RelayLimits(), at: circuit.now)
        var actions: [CircuitAction] = []
        hop.receivedFromPrevious(cells, at: circuit.now, wall: TestNode.wall, into: &actions)
        #expect(hop.phase == .ended)
        circuit.origin.received(cells, at: circuit.now, wall: TestNode.wall, into: &actions)
        #expect(circuit.origin.phase == .ended)
    }

    @Test func `is let in only within limits of count, pace and memory`() {
        var limits = RelayLimits()
        limits.circuitsPerPeer = 2
        limits.buildsPerInterval = 4
        limits.windowBytesTotal = 3 * 2 * 512 * 2048
        var allowance = CircuitAllowance()
        let one = CircuitAllowance.Opener.node(NodeUUID(UUIDBytes(high: 0x8000, low: 1 << 63)))
        let two = CircuitAllowance.Opener.anonymous(SessionID(UUIDBytes(high: 2, low: 2)))
        let start = MonotonicInstant(nanoseconds: 0)
        var verdicts: [Bool] = []
        for opener in [one, one, one, two, two] {
            verdicts.append(allowance.opened(by: opener, within: limits, at: start))
        }
        #expect(verdicts == [true, true, false, true, false])
        allowance.closed(by: one)
        let again = (0..<2).map { _ in allowance.opened(by: one, within: limits, at: start) }
        #expect(again == [true, false])
        allowance.closed(by: one)
        let tooFast = allowance.opened(by: one, within: limits, at: start)
        let later = allowance.opened(by: one, within: limits, at: start + .seconds(10))
        #expect(!tooFast && later)
        #expect(allowance.count == 3)
    }

    @Test func `fails where another node answers than the one named`() throws {
        let nodes = try (1...4).map { try TestNode(seed: UInt8($0)) }
        let circuit = TestCircuit(nodes: nodes)
        circuit.begin()
        let impostor = TestCircuit(nodes: [nodes[0], nodes[2], nodes[1], nodes[3]])
        impostor.links[0].onwards = circuit.links[0].onwards
        impostor.run()
        #expect(impostor.failure == .ended(.refused))
    }

    @Test func `fails where the flight of a hop handshake comes twice`() throws {
        let circuit = try TestCircuit(relays: 1)
        circuit.begin()
        let create = circuit.links[0].onwards
        circuit.run()
        let again = TestCircuit(nodes: circuit.nodes)
        again.links[0].onwards = create
        again.run()
        #expect(again.failure == .ended(.refused))
    }

    @Test func `refuses a path that is empty, too long, or names a node twice`() throws {
        let nodes = try (1...11).map { try TestNode(seed: UInt8($0)) }
        let paths = [
            [nodes[0], nodes[1]], nodes, [nodes[0], nodes[1], nodes[1], nodes[2]],
            [nodes[0], nodes[1], nodes[0], nodes[2]], [nodes[0], nodes[1], nodes[2], nodes[1]],
        ]
        for path in paths {
            let circuit = TestCircuit(nodes: path)
            circuit.build()
            #expect(circuit.failure == .badPath)
        }
    }

    @Test(arguments: [(0, false), (1, true)])
    func `ends when it has one hop reach for a next node more often than allowed`(most: Int, isBuilt: Bool) throws {
        var limits = RelayLimits()
        limits.extendsPerCircuit = most
        let circuit = try TestCircuit(relays: 2, limits: limits)
        circuit.build()
        #expect(circuit.isBuilt == isBuilt)
        #expect((circuit.failure == nil) == isBuilt)
        #expect(circuit.reached.isEmpty != isBuilt)
    }

    @Test func `ends when it is not built in time, idle for long or too old`() throws {
        let slow = try TestCircuit(relays: 2)
        slow.begin()
        var actions: [CircuitAction] = []
        slow.origin.deadlinePassed(at: slow.now + .seconds(14), into: &actions)
        #expect(actions.isEmpty)
        slow.origin.deadlinePassed(at: slow.origin.nextDeadline, into: &actions)
        slow.perform(actions, at: -1)
        #expect(slow.failure == .tooSlow)

        let idle = try TestCircuit(relays: 2)
        idle.build()
        actions = []
        idle.hops[0].hop.deadlinePassed(at: idle.now + .seconds(600), into: &actions)
        idle.perform(actions, at: 0)
        idle.run()
        #expect(idle.failure == .ended(.expired))
        #expect(idle.endsSeen == ["0 expired", "1 expired", "2 expired"])
    }

    @Test func `carries a whole session end to end, anonymous`() throws {
        let circuit = try TestCircuit(relays: 2)
        circuit.build()
        let (near, far) = (circuit.nodes[0].environment, circuit.nodes[3].environment)
        var dialler = PeerConnection(
            dialling: far.node, context: .endToEnd, presence: .anonymous, environment: near)
        var acceptor = PeerConnection(accepting: [.endToEnd], environment: far)
        var events: [PeerEvent] = []
        var farEvents: [PeerEvent] = []
        dialler.start(at: circuit.now, wall: TestNode.wall, into: &circuit.fromOrigin, events: &events)
        acceptor.start(at: circuit.now, wall: TestNode.wall, into: &circuit.fromDestination, events: &farEvents)
        circuit.run()
        acceptor.received(
            &circuit.atDestination, at: circuit.now, wall: TestNode.wall, admit: { $0.peer == .anonymous },
            into: &circuit.fromDestination, events: &farEvents)
        circuit.run()
        dialler.received(
            &circuit.atOrigin, at: circuit.now, wall: TestNode.wall, admit: { $0.peer.node == far.node },
            into: &circuit.fromOrigin, events: &events)
        #expect(dialler.established != nil)
        #expect(dialler.established?.session == acceptor.established?.session)
        #expect(acceptor.established?.peer == .anonymous)
    }
}
