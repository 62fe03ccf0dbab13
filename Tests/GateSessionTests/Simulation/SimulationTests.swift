import Foundation
import GateAccess
import GateModel
import GateSession
import GateTestKit
import Testing

/// Connections between three nodes in virtual time, driven by a seed: random acts of extenders, slow readers, records
/// delivered in pieces, cut connections, silent wires, clocks that jump. Nothing may be lost, repeated or out of order, and
/// nothing may end that is not late.
///
/// GATE_SIMULATION_SEEDS=100000 runs more seeds than the 500 of each build; GATE_SIMULATION_FIRST begins elsewhere, as to
/// have one seed again.
@Suite struct SimulationTests {
    @Test func `what is sent comes once and in order whatever the schedule`() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["GATE_SIMULATION_SEEDS"].flatMap { UInt64($0) } ?? 500
        let first = environment["GATE_SIMULATION_FIRST"].flatMap { UInt64($0) } ?? 1
        var sum = Simulation.Sum()

        for seed in first..<first + count {
            let simulation = try Simulation(seed)
            let fault = simulation.run()
            #expect(fault == nil, "seed \(seed)")
            if fault != nil { break }
            sum += simulation.sum
        }

        print("simulated: \(count) seeds, \(sum)")
        if count >= 500 {
            // The schedule reaches what it is for.
            #expect(sum.connections > Int(count) && sum.ended > 0 && sum.updates > 0 && sum.cuts > 0)
            #expect(sum.solved > 0)
            #expect(sum.carried > Int(count) * 1000)
        }
    }

    @Test func `a seed brings the same run back`() throws {
        let (one, other) = (try Simulation(42), try Simulation(42))

        let faults = (one.run(), other.run())

        #expect(faults == (nil, nil))
        #expect(one.sum == other.sum)
    }
}

/// One run: all that happens follows from the seed.
private final class Simulation {
    struct Sum: Equatable {
        var connections = 0
        var cuts = 0
        /// Connections that ended since they were silent or late.
        var ended = 0
        var updates = 0
        var solved = 0
        var carried = 0

        static func += (sum: inout Sum, more: Sum) {
            sum.connections += more.connections
            sum.cuts += more.cuts
            sum.ended += more.ended
            sum.updates += more.updates
            sum.solved += more.solved
            sum.carried += more.carried
        }
    }

    /// Two to so many connections at once.
    private static let connectionsMax = 20
    private static let stepsOfEach = 100
    /// Nodes' calendars differ by so many seconds at most.
    private static let skewMax: Int64 = 30

    private var random: SeededRandom
    private let nodes: [TestNode]
    private var skews: [Int64]
    private var clock = ManualClock()
    private var connections: [(SimulatedConnection, from: Int, to: Int)] = []
    private(set) var sum = Sum()

    init(_ seed: UInt64) throws {
        random = SeededRandom(seed: seed)
        var settings: [SessionSettings] = []
        for _ in 0..<3 { settings.append(Simulation.settings(&random)) }
        nodes = try settings.indices.map { try TestNode(UInt8($0 + 1), settings: settings[$0]) }
        // Connections that are cut too early have nodes ask for puzzles.
        for node in nodes { node.environment.puzzleLoad.threshold = [0, 0, 2][Int.random(in: 0..<3, using: &random)] }
        skews = nodes.map { _ in 0 }
        // Mostly few: what goes wrong among three shows in less time.
        let most = Int.random(in: 0..<4, using: &random) > 0 ? 4 : Simulation.connectionsMax
        for _ in 0..<Int.random(in: 2...most, using: &random) { connect() }
    }

    /// Keys that last a moment or long, any padding and noise, flights that wait or not.
    private static func settings(_ random: inout SeededRandom) -> SessionSettings {
        var settings = SessionSettings()
        let life = Int.random(in: 1_000...30_000, using: &random)
        settings.keyLifetime = life...life * 2
        settings.keyVolume = 1 << Int.random(in: 14...24, using: &random)
        let paddings: [PaddingPolicy] = [.none, .range(0...64), .range(16...4000), .padme, .fixed(1024)]
        settings.padding = paddings[Int.random(in: 0..<paddings.count, using: &random)]
        let noises: [NoisePolicy] = [
            .off, .off, .poisson(PoissonNoise(perMinute: 60, bytesMax: 2000, budget: 50_000)),
        ]
        settings.noise = noises[Int.random(in: 0..<noises.count, using: &random)]
        settings.flightDelay = .milliseconds([0, 0, 40, 2_000][Int.random(in: 0..<4, using: &random)])
        settings.flightPieces = [1, 3, 16][Int.random(in: 0..<3, using: &random)]
        settings.compressionMinimum = Bool.random(using: &random) ? 64 : nil
        return settings
    }

    private func wall(_ node: Int) -> UnixTime { clock.wall + skews[node] }

    private func connect() {
        let from = Int.random(in: 0..<3, using: &random)
        let to = (from + Int.random(in: 1...2, using: &random)) % 3
        let connection = SimulatedConnection(
            from: nodes[from], to: nodes[to], at: clock, wall: (wall(from), wall(to)))
        connections.append((connection, from, to))
        sum.connections += 1
    }

    /// Goes through all steps, then lets everything that is left settle; what went wrong, if anything.
    func run() -> String? {
        for _ in 0..<Simulation.stepsOfEach * connections.count {
            step()
            if let fault = connections.lazy.compactMap(\.0.fault).first { return fault }
            replaceEnded()
        }
        for (connection, from, to) in connections {
            connection.settle(at: clock.now, wall: (wall(from), wall(to)))
            if let fault = connection.fault { return fault }
            count(connection)
        }
        return nil
    }

    private func step() {
        let index = Int.random(in: 0..<connections.count, using: &random)
        let (connection, from, to) = connections[index]
        let side = Int.random(in: 0...1, using: &random)
        switch Int.random(in: 0..<1000, using: &random) {
        case 0..<450: connection.act(side, &random)
        case 450..<620:
            connection.seal(
                side, budget: 1 << Int.random(in: 0...18, using: &random), at: clock.now,
                wall: wall(side == 0 ? from : to))
        case 620..<930:
            let count = 1 << Int.random(in: 0...20, using: &random)
            connection.deliver(side, atMost: count, at: clock.now, wall: wall(side == 0 ? from : to))
        case 930..<985: advance(by: .milliseconds(Int.random(in: 1...2_000, using: &random)))
        case 985..<993: cut(index)
        case 993..<999: skews[from] = Int64.random(in: -Simulation.skewMax...Simulation.skewMax, using: &random)
        default: advance(by: .seconds(Int.random(in: 1...200, using: &random)))
        }
    }

    private func advance(by duration: Duration) {
        clock.advance(by: duration)
        for (connection, _, _) in connections { connection.tick(at: clock.now) }
    }

    /// Both sides lose the connection, with whatever was on its way.
    private func cut(_ index: Int) {
        count(connections.remove(at: index).0)
        sum.cuts += 1
        connect()
    }

    private func replaceEnded() {
        for index in connections.indices.reversed() where connections[index].0.isOver {
            count(connections.remove(at: index).0)
            sum.ended += 1
            connect()
        }
    }

    private func count(_ connection: SimulatedConnection) {
        sum.updates += connection.updates
        sum.solved += connection.solved
        sum.carried += connection.carried
    }
}
