import ArgumentParser
import Foundation
import GateStore

/// `quantumgate bench`: what this machine does, each figure a line.
struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure handshakes, sessions, relays, links or the database on this machine.",
        discussion: """
            handshake  mutual connections one at a time: handshake.rate, handshake.cpu_both
            session    one stream over one session, idle sessions of a kernel worker: session.throughput,
                       session.cpu, session.idle_memory
            relay      SOCKS5 through 0 to 3 relays: relay.throughput, relay.cpu, relay.first_byte
            link       one stream over a link: link.throughput, link.cpu
            fairness   small interactive messages there and back, alone and beside a stream over the same session:
                       fairness.alone, fairness.beside_stream
            compression  messages of 64 KiB by what they hold: compression.ratio.CONTENT, with the CPU time of both ways
            levels     the price of each security level, both sides together, in virtual time without sockets:
                       level.N.handshake, level.N.message, level.N.bulk, level.N.idle, with the CPU time of each
            cluster    handshakes and messages of --workers workers beside one, per CPU second of theirs: cluster.ratio;
                       --sessions idle peers over them, and over one more that is added: cluster.sessions
            database   point queries over links beside pgbench on the same server, and how long queries of a table of
                       --table-peers rows take: database.ratio, database.point_query_p99, database.filtered_page_p99;
                       how long the server took to make the rows: database.fill
            soak       a node of several workers under faults (kill, drain, pause, upgrade of a worker; kill of the database
                       service or of a replica of the extender; a hook of yours) while peers stream through an extender: soak.failed, soak.pause per fault
            history    a node on a private PostgreSQL under --strikes faults of a --seed (kill and pause of a worker; a
                       worker cut off from the database service, the extender, peers, or all of them): whether anybody
                       took a byte, message or write from a worker that was superseded: history.violations

            Real sockets on loopback, both ends in separate processes. MB and GB are 10^6 and 10^9 bytes. Build with \
            -c release first.
            """)

    enum Name: String, ExpressibleByArgument, CaseIterable, Sendable {
        case handshake, session, relay, link, fairness, compression, levels, cluster, database, soak, history
    }

    @Argument(help: "What to measure: \(Name.allCases.map(\.rawValue).joined(separator: ", ")).")
    var name: Name

    @Flag(help: "One JSON object a line.")
    var json = false

    @Option(help: "Repetitions; figures are medians.")
    var rounds = 3

    @Option(help: "Megabytes (10^6 bytes) of each stream; the default depends on what is measured.")
    var megabytes: Int?

    @Flag(help: "handshake: of nodes with ML-DSA identities.")
    var pqIdentity = false

    @Option(help: "Relays, separated by commas.")
    var hops = "0,1,2,3"

    @Option(help: "Idle sessions at once.")
    var sessions = 5000

    @Option(help: "soak, history: peers, each with one stream at a time.")
    var peers = 50

    @Option(help: "cluster, soak, history: kernel workers.")
    var workers = 3

    @Option(parsing: .upToNextOption, help: "soak: which faults, in turn, --rounds times each.")
    var faults: [SoakFault] = [.kill, .drain]

    @Option(help: "database: rows of the table of peers.")
    var tablePeers = 100_000

    @Option(help: "database: an empty database of PostgreSQL. (default: a private server)")
    var url: String?

    @Option(help: "soak, history: replicas of the extender.")
    var replicas = 1

    @Option(help: "soak: keep the node's data in this PostgreSQL database, which must be empty.")
    var database: String?

    @Option(help: "soak: the program that the fault 'hook' runs.")
    var hook = ""

    @Option(help: "history: how many faults.")
    var strikes = 1000

    @Option(help: "history: what the faults are drawn by. (default: another each time)")
    var seed: UInt64?

    @Option(help: "history: leave the node, its logs and the journals in this folder.", completion: .directory)
    var keep: String?

    @Option(help: "history: only judge the journals that --keep left in this folder.", completion: .directory)
    var judge: String?

    @Option(help: .hidden)
    var programs: String?

    private static let handshakeSeconds = 5.0
    private static let sessionMegabytes = 4000
    private static let linkMegabytes = 4000
    private static let relayMegabytes = 500
    private static let roundTrips = 2000

    func validate() throws {
        guard (1...100).contains(rounds) else { throw ValidationError("--rounds is a number from 1 to 100") }
        guard (1...1_000_000).contains(megabytes ?? 1) else { throw ValidationError("--megabytes is too large") }
        guard (1...2_000).contains(peers) else { throw ValidationError("--peers is a number from 1 to 2000") }
        guard (1...16).contains(replicas) else { throw ValidationError("--replicas is a number from 1 to 16") }
        guard (1...10).contains(workers) else { throw ValidationError("--workers is a number from 1 to 10") }
        guard name != .history || workers > 1 else { throw ValidationError("history needs 2 workers at least") }
        guard (1...100_000).contains(strikes) else { throw ValidationError("--strikes is a number from 1 to 100000") }
        guard (1...100_000_000).contains(tablePeers) else {
            throw ValidationError("--table-peers is a number from 1 to 100000000")
        }
        guard (1...100_000).contains(sessions) else { throw ValidationError("--sessions is a number from 1 to 100000") }
    }

    func run() async throws {
        switch name {
        case .handshake: try await handshake()
        case .session: try await session()
        case .relay: try await relay()
        case .link:
            let bytes = bytes(BenchCommand.linkMegabytes)
            try report("link", bytes, try await LinkBench.run(byteCount: bytes, rounds: rounds))
        case .fairness: try await fairness()
        case .compression: try compression()
        case .levels: try levels()
        case .cluster: try await cluster()
        case .database: try await database()
        case .soak: try await soak()
        case .history: try await history()
        }
    }

    private func database() async throws {
        let server = try url.map { try BenchServer(url: $0) } ?? BenchServer()
        defer { server.stop() }
        try await DatabaseBench(peerCount: tablePeers, rounds: rounds).run(server) { try $0.report(json: json) }
    }

    private func handshake() async throws {
        let bench = try await SessionBench(isPostQuantum: pqIdentity)
        var rates: [Double] = []
        var both: [Double] = []
        var sides = (dialler: 0.0, acceptor: 0.0)
        for _ in 0..<rounds {
            let (count, costs) = try await bench.handshakes(seconds: BenchCommand.handshakeSeconds)
            let each = 1000 / Double(max(count, 1))
            rates.append(Double(count) / costs.seconds)
            both.append((costs.ownCPU + costs.otherCPU) * each)
            sides = (costs.ownCPU * each, costs.otherCPU * each)
        }
        await bench.stop()
        let detail = [
            "cpu_initiator": sides.dialler, "cpu_responder": sides.acceptor,
            "per_core": 1000 / max(sides.acceptor, 1e-9),
        ]
        try BenchFigure("handshake.rate", of: rates, "1/s", detail).report(json: json)
        try BenchFigure("handshake.cpu_both", of: both, "ms", detail).report(json: json)
    }

    private func session() async throws {
        let bench = try await SessionBench()
        let bytes = bytes(BenchCommand.sessionMegabytes)
        var costs: [SessionBench.Costs] = []
        for _ in 0..<rounds { costs.append(try await bench.stream(byteCount: bytes)) }
        await bench.stop()
        var allocated: [String: Double] = [:]
        for (side, sending) in [("sender", true), ("receiver", false)] {
            let use = try await AllocationBench.perRecord(sending: sending)
            allocated["allocated_bytes_per_record_\(side)"] = use.bytes
            allocated["allocations_per_record_\(side)"] = use.blocks
        }
        try report("session", bytes, costs, allocated)
        let idle = try await IdleBench.run(count: sessions, programs: programFolder)
        try BenchFigure(
            "session.idle_memory", idle.kernel / 1024, "KiB",
            ["sessions": Double(sessions), "initiator": idle.initiator / 1024]
        ).report(json: json)
    }

    private func relay() async throws {
        let counts = hops.split(separator: ",").compactMap { Int($0) }.filter { (0...8).contains($0) }
        guard !counts.isEmpty else { throw ValidationError("--hops takes numbers from 0 to 8, separated by commas") }
        try await RelayBench.run(
            hops: counts, byteCount: bytes(BenchCommand.relayMegabytes), rounds: rounds,
            programs: programFolder
        ) { try $0.report(json: json) }
    }

    private func compression() throws {
        for result in CompressionBench.run() {
            try BenchFigure(
                "compression.ratio.\(result.content.rawValue)", result.ratio, "of the bytes",
                [
                    "ms_per_mb_compressing": result.compressing / .milliseconds(1),
                    "ms_per_mb_restoring": result.restoring / .milliseconds(1),
                ]
            ).report(json: json)
        }
    }

    private func fairness() async throws {
        let bench = try await SessionBench()
        for (name, besideStream) in [("alone", false), ("beside_stream", true)] {
            var medians: [Double] = []
            var slow: [Double] = []
            for _ in 0..<rounds {
                let times = try await bench.roundTrips(BenchCommand.roundTrips, besideStream: besideStream)
                medians.append(times.median)
                slow.append(times[times.count * 99 / 100])
            }
            try BenchFigure("fairness.\(name)", of: medians, "ms", ["p99": slow.median]).report(json: json)
        }
        await bench.stop()
    }

    private func levels() throws {
        for level in SecurityLevel.numbers {
            let price = try LevelsBench.run(level: level)
            let figures = [
                ("handshake", "bytes", price.handshake), ("message", "bytes for 200", price.message),
                ("bulk", "bytes for each", price.bulk), ("idle", "bytes in an hour", price.idle),
            ]
            for (name, unit, cost) in figures {
                try BenchFigure("level.\(level).\(name)", cost.bytes, unit, ["cpu_ns": cost.cpu / .nanoseconds(1)])
                    .report(json: json)
            }
        }
    }

    private func cluster() async throws {
        var ratios: (handshakes: [Double], messages: [Double]) = ([], [])
        var single: [ClusterBench.Rates] = []
        for _ in 0..<rounds {
            let one = try await ClusterBench.rates(workers: 1, programs: programFolder)
            let many = try await ClusterBench.rates(workers: workers, programs: programFolder)
            ratios.handshakes.append(many.handshakes / one.handshakes)
            ratios.messages.append(many.messages / one.messages)
            single.append(one)
        }
        let detail = ["workers": Double(workers), "rounds": Double(rounds)]
        try BenchFigure(
            "cluster.ratio.handshakes", of: ratios.handshakes, "of one worker's per CPU second",
            detail.merging(["one": single.map(\.handshakes).median]) { $1 }
        ).report(json: json)
        try BenchFigure(
            "cluster.ratio.messages", of: ratios.messages, "of one worker's per CPU second",
            detail.merging(["one": single.map(\.messages).median]) { $1 }
        ).report(json: json)
        let spread = try await ClusterBench.spread(workers: workers, sessions: sessions, programs: programFolder)
        var counts: [String: Double] = [:]
        for (index, count) in spread.sessions.enumerated() { counts["worker_\(index + 1)"] = Double(count) }
        try BenchFigure("cluster.sessions", Double(spread.sessions.reduce(0, +)), "sessions", counts)
            .report(json: json)
        let latest = spread.latest.last ?? 0
        try BenchFigure(
            "cluster.added_worker", Double(latest) / Double(max(spread.latest.reduce(0, +), 1)),
            "of the sessions that came after it", ["sessions": Double(latest)]
        ).report(json: json)
    }

    private func soak() async throws {
        let bench = SoakBench(
            workers: workers, peers: peers, faults: faults, rounds: rounds, programs: programFolder,
            database: database, hook: hook, replicas: replicas)
        let isQuiet = json
        let outcome = try await bench.run { if !isQuiet { print($0) } }
        for fault in SoakFault.allCases where faults.contains(fault) {
            let strikes = outcome.strikes.filter { $0.fault == fault }
            let pauses = strikes.flatMap(\.pauses)
            try BenchFigure(
                "soak.pause.\(fault.rawValue)", pauses.percentile(99), "s",
                [
                    "p50": pauses.percentile(50), "max": pauses.max() ?? 0, "strikes": Double(strikes.count),
                    "streams_moved": Double(pauses.count),
                    "versions_side_by_side": Double(strikes.count { $0.versions.count > 1 }),
                ]
            ).report(json: json)
        }
        let bytes = outcome.seen.map { Double($0.receivedCount) }.reduce(0, +)
        try BenchFigure(
            "soak.failed", Double(outcome.failures.count), "streams",
            ["streams": Double(outcome.seen.count), "bytes": bytes]
        ).report(json: json)
        for failure in outcome.failures.prefix(10) { FileHandle.standardError.write(Data("\(failure)\n".utf8)) }
        guard outcome.failures.isEmpty else { throw ExitCode(1) }
    }

    var programFolder: ProgramFolder { programs.map { ProgramFolder(path: $0) } ?? .ofThisProgram() }

    private func bytes(_ fallback: Int) -> Int { (megabytes ?? fallback) * 1_000_000 }

    private func report(
        _ name: String, _ bytes: Int, _ costs: [SessionBench.Costs], _ more: [String: Double] = [:]
    ) throws {
        let gigabytes = Double(bytes) / 1e9
        let detail = more.merging(["bytes": Double(bytes), "rounds": Double(rounds)]) { $1 }
        try BenchFigure("\(name).throughput", of: costs.map { gigabytes * 1000 / $0.seconds }, "MB/s", detail)
            .report(json: json)
        var sides = detail
        sides["sender"] = costs.map { $0.ownCPU / gigabytes }.median
        sides["receiver"] = costs.map { $0.otherCPU / gigabytes }.median
        try BenchFigure("\(name).cpu", of: costs.map { ($0.ownCPU + $0.otherCPU) / gigabytes }, "s/GB", sides)
            .report(json: json)
    }
}
