import GateCrypto
import GateModel
import GateSession
import GateWire
import NIOCore

@testable import GateRelay

/// A node with an identity, a certificate and a record, all made from one seed.
final class TestNode {
    static let wall = UnixTime(seconds: 1_800_000_000)

    let identity: IdentityKey
    let environment: SessionEnvironment
    let record: NodeRecord

    init(
        seed: UInt8, suites: SuitePreferences = SuitePreferences(only: .standard), relays: Bool = true,
        isPostQuantum: Bool = false
    ) throws {
        let postQuantumKeys =
            try isPostQuantum ? [seed ^ 0xff, seed ^ 0x3c].map { try TestNode.postQuantumKey($0) } : []
        identity = try IdentityKey(
            seed: GuardedSecret(Array(repeating: seed, count: 32)), postQuantumKey: postQuantumKeys.first)
        let key = StaticKey(secret: try GuardedSecret(Array(repeating: seed ^ 0x80, count: 32)))
        let certificate = WorkerCertificate.issue(
            by: identity, staticKey: key.publicKey, postQuantumKey: postQuantumKeys.last?.publicKey, worker: 1,
            now: TestNode.wall, lifetimeSeconds: 3600)
        let credentials = WorkerCredentials(
            node: identity.bundle.uuid, staticKey: key, certificate: certificate.encoded,
            postQuantumKey: postQuantumKeys.last)
        let window = SeedBox()
        environment = SessionEnvironment(
            node: identity.bundle.uuid, credentials: credentials, suites: suites, slab: try SecretSlab(),
            random: FastRandom(seed: Array(repeating: seed, count: 32)),
            remember: { window.seeds.remember($0, minute: $1, now: $2) })
        record = TestNode.record(of: identity, suites: suites.suites, relays: relays)
    }

    static func record(of identity: IdentityKey, suites: [NoiseSuite] = [.standard], relays: Bool = true) -> NodeRecord
    {
        NodeRecord.issue(
            NodeRecord.Content(
                suites: suites, endpoints: [Endpoint(host: "192.0.2.1", port: 7700)], relays: relays, sequence: 1,
                expiry: wall + 86_400),
            by: identity)
    }

    private static func postQuantumKey(_ byte: UInt8) throws -> PostQuantumKey {
        PostQuantumKey(seed: try GuardedSecret(Array(repeating: byte, count: 32)))
    }

    private final class SeedBox { var seeds = SeedWindow() }
}

/// A circuit of machines in memory: an origin, relays and a destination, a session's two directions between each pair.
/// Messages wait on the links and are delivered in random order between links, cells cut into random runs.
final class TestCircuit {
    /// One neighbour-to-neighbour session, as far as this circuit sees it.
    struct Link {
        var circuit: UInt32
        var onwards: [SessionMessage] = []
        var backwards: [SessionMessage] = []
    }

    let nodes: [TestNode]
    let limits: RelayLimits
    var origin: CircuitOrigin
    var hops: [HopBox] = []
    var destination: DestinationBox?
    var links: [Link] = []
    var now = MonotonicInstant(nanoseconds: 0)

    /// What the ends saw, in order.
    var atOrigin = ByteBuffer()
    var atDestination = ByteBuffer()
    var isBuilt = false
    var failure: CircuitFailure?
    var endsSeen: [String] = []
    /// Bytes that the ends still want to send.
    var fromOrigin = ByteBuffer()
    var fromDestination = ByteBuffer()

    /// Changes cells as they pass onwards or backwards on a link; for attacks.
    var tamper: ((_ link: Int, _ isOnwards: Bool, inout ByteBuffer) -> Void)?
    /// Refuses to reach a node.
    var unreachable: Set<NodeUUID> = []
    /// Keeps what the destination grants from the last relay.
    var holdsCreditOfDestination = false
    /// What relays were asked to reach.
    var reached: [NodeUUID] = []
    var seed: UInt64

    final class HopBox {
        var hop: CircuitHop
        init(_ hop: consuming CircuitHop) { self.hop = hop }
    }

    final class DestinationBox {
        var machine: CircuitDestination
        init(_ machine: consuming CircuitDestination) { self.machine = machine }
    }

    /// `nodes`: origin, relays, destination.
    init(
        nodes: [TestNode], path: [NodeRecord]? = nil, destination: NodeRecord? = nil, startDepth: Int = 3,
        limits: RelayLimits = RelayLimits(), seed: UInt64 = 1
    ) {
        self.nodes = nodes
        self.limits = limits
        self.seed = seed
        origin = CircuitOrigin(
            path: path ?? nodes.dropFirst().dropLast().map(\.record),
            destination: destination ?? nodes[nodes.count - 1].record, circuit: 1, startDepth: startDepth,
            environment: nodes[0].environment, limits: limits, at: now)
        links = [Link(circuit: 1)]
    }

    convenience init(relays: Int, startDepth: Int = 3, limits: RelayLimits = RelayLimits(), seed: UInt64 = 1) throws {
        let nodes = try (0..<relays + 2).map { try TestNode(seed: UInt8($0 + 1)) }
        self.init(nodes: nodes, startDepth: startDepth, limits: limits, seed: seed)
    }

    func random(below bound: Int) -> Int {
        // SplitMix64: reproducible from the seed.
        seed &+= 0x9e37_79b9_7f4a_7c15
        var word = seed
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((word ^ word >> 31) % UInt64(bound))
    }

    func begin() {
        var actions: [CircuitAction] = []
        origin.begin(at: now, wall: TestNode.wall, into: &actions)
        perform(actions, at: -1)
    }

    /// Begins and delivers until nothing waits.
    func build() {
        begin()
        run()
    }

    /// Delivers messages until nothing waits, pumping the ends' bytes.
    func run() {
        pump()
        while let (link, isOnwards) = pick() {
            deliver(link, isOnwards)
            pump()
        }
    }

    func pump() {
        var actions: [CircuitAction] = []
        origin.send(&fromOrigin, at: now, into: &actions)
        perform(actions, at: -1)
        actions = []
        destination?.machine.send(&fromDestination, at: now, into: &actions)
        perform(actions, at: hops.count)
    }

    private func pick() -> (Int, Bool)? {
        var waiting: [(Int, Bool)] = []
        for (index, link) in links.enumerated() {
            if !link.onwards.isEmpty { waiting.append((index, true)) }
            if !link.backwards.isEmpty, !isHeld(index) { waiting.append((index, false)) }
        }
        return waiting.isEmpty ? nil : waiting[random(below: waiting.count)]
    }

    private func isHeld(_ link: Int) -> Bool {
        guard holdsCreditOfDestination, link == nodes.count - 2 else { return false }
        if case .circuitCredit = links[link].backwards.first { return true }
        return false
    }

    private func deliver(_ link: Int, _ isOnwards: Bool) {
        var message = isOnwards ? links[link].onwards.removeFirst() : links[link].backwards.removeFirst()
        if case .cells(var cells) = message {
            let count = cells.readableBytes / Cell.byteCount
            if count > 1, let part = cells.readSlice(length: Cell.byteCount * (1 + random(below: count))) {
                if cells.readableBytes > 0 {
                    if isOnwards {
                        links[link].onwards.insert(.cells(cells), at: 0)
                    } else {
                        links[link].backwards.insert(.cells(cells), at: 0)
                    }
                }
                cells = part
            }
            tamper?(link, isOnwards, &cells)
            message = .cells(cells)
        }
        // Link i lies between node i and node i + 1; hop i is node i + 1.
        if isOnwards { receivedOnwards(message, link) } else { receivedBackwards(message, link) }
    }

    private func receivedOnwards(_ message: SessionMessage, _ link: Int) {
        var actions: [CircuitAction] = []
        let isDestination = link == nodes.count - 2
        switch message {
        case .cells(let cells):
            var runs = CellRuns(cells)
            guard let run = runs.next(), run.circuit == links[link].circuit else { return }
            if isDestination {
                if destination == nil, run.opening == .destination {
                    destination = DestinationBox(CircuitDestination(circuit: run.circuit, limits: limits, at: now))
                }
                destination?.machine.received(run.cells, at: now, into: &actions)
            } else {
                if hops.count == link, run.opening == .hop {
                    hops.append(
                        HopBox(
                            CircuitHop(
                                circuit: run.circuit, environment: nodes[link + 1].environment, limits: limits, at: now)
                        ))
                }
                guard link < hops.count else { return }
                hops[link].hop.receivedFromPrevious(run.cells, at: now, wall: TestNode.wall, into: &actions)
            }
        case .circuitCredit(_, let count):
            if isDestination {
                destination?.machine.credited(count, into: &actions)
            } else {
                hops[link].hop.creditedByPrevious(count, into: &actions)
            }
        case .circuitDestroy(_, let reason):
            if isDestination {
                destination?.machine.destroyed(CircuitEnd(wire: reason), into: &actions)
            } else if link < hops.count {
                hops[link].hop.destroyed(by: .previous, CircuitEnd(wire: reason), into: &actions)
            }
        default: return
        }
        perform(actions, at: link)
    }

    private func receivedBackwards(_ message: SessionMessage, _ link: Int) {
        var actions: [CircuitAction] = []
        switch message {
        case .cells(let cells):
            if link == 0 {
                origin.received(cells, at: now, wall: TestNode.wall, into: &actions)
            } else {
                hops[link - 1].hop.receivedFromNext(cells, at: now, into: &actions)
            }
        case .circuitCredit(_, let count):
            if link == 0 {
                origin.credited(count, into: &actions)
            } else {
                hops[link - 1].hop.creditedByNext(count, into: &actions)
            }
        case .circuitDestroy(_, let reason):
            let reason = CircuitEnd(wire: reason)
            if link == 0 {
                origin.destroyed(reason, into: &actions)
            } else {
                hops[link - 1].hop.destroyed(by: .next, reason, into: &actions)
            }
        default: return
        }
        perform(actions, at: link - 1)
    }

    /// `machine`: -1 the origin, hops from 0, then the destination.
    func perform(_ actions: [CircuitAction], at machine: Int) {
        for action in actions {
            switch action {
            case .send(.next, let message): links[machine + 1].onwards.append(message)
            case .send(.previous, let message): links[machine].backwards.append(message)
            case .reach(let record, _):
                reached.append(record.node)
                var more: [CircuitAction] = []
                if unreachable.contains(record.node) {
                    hops[machine].hop.unreachable(into: &more)
                } else {
                    let circuit = UInt32(2 * machine + 20)
                    links.append(Link(circuit: circuit))
                    hops[machine].hop.reached(circuit: circuit, at: now, into: &more)
                }
                perform(more, at: machine)
            case .built: if machine == -1 { isBuilt = true }
            case .received(var bytes):
                if machine == -1 { atOrigin.writeBuffer(&bytes) } else { atDestination.writeBuffer(&bytes) }
            case .writable: break
            case .ended(let end): endsSeen.append("\(machine) \(end)")
            case .failed(let reason): failure = reason
            }
        }
    }
}
