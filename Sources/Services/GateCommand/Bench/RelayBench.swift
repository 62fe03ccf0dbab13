import GateModel
import NIOCore
import NIOPosix

/// `bench relay`: downloads over SOCKS5 through the demo's network; CPU time of all processes of all nodes.
enum RelayBench {
    private static let idlePause = Duration.milliseconds(300)
    private static let smallRequests = 20

    /// Reports the figures of each number of relays.
    static func run(
        hops: [Int], byteCount: Int, rounds: Int, programs: ProgramFolder, report: (BenchFigure) throws -> Void
    ) async throws {
        let folder = try DemoFolder()
        defer { folder.remove() }
        let network = try await DemoNetwork.start(hops: hops.max() ?? 0, in: folder.path, programs: programs) { _ in }
        do {
            let web = try await DemoWebServer.start(group: MultiThreadedEventLoopGroup.singleton)
            for count in hops {
                try await measure(
                    network, web.endpoint, hops: count, byteCount: byteCount, rounds: rounds, report: report)
            }
            await web.stop()
        } catch {
            await network.stop()
            throw error
        }
        await network.stop()
    }

    private static func measure(
        _ network: DemoNetwork, _ web: Endpoint, hops: Int, byteCount: Int, rounds: Int,
        report: (BenchFigure) throws -> Void
    ) async throws {
        var download = network.download(hops: hops, isolate: "bench-\(hops)", from: web, byteCount: byteCount)
        download.hashes = false
        var small = download
        small = SocksDownload(proxy: download.proxy, user: download.user, target: web, byteCount: 1)
        let (large, tiny) = (download, small)
        _ = try await BlockingWork.run { try tiny.run() }
        let processes = network.nodes.flatMap(\.processes)
        var speeds: [Double] = []
        var costs: [Double] = []
        for _ in 0..<rounds {
            try await Task.sleep(for: idlePause)
            let before = cpuSeconds(of: processes)
            let result = try await BlockingWork.run { try large.run() }
            speeds.append(result.megabytesPerSecond)
            costs.append((cpuSeconds(of: processes) - before) / (Double(byteCount) / 1e9))
        }
        var first: [Double] = []
        for _ in 0..<smallRequests {
            first.append(try await BlockingWork.run { try tiny.run() }.secondsToFirstByte * 1000)
        }
        let detail = ["hops": Double(hops), "bytes": Double(byteCount), "rounds": Double(rounds)]
        try report(BenchFigure("relay.throughput", of: speeds, "MB/s", detail))
        try report(BenchFigure("relay.cpu", of: costs, "s/GB", detail))
        try report(
            BenchFigure("relay.first_byte", of: first, "ms", ["hops": Double(hops), "requests": Double(smallRequests)]))
    }

    private static func cpuSeconds(of processes: [Int32]) -> Double {
        processes.reduce(0) { $0 + (ProcessCost.of(process: $1)?.cpuSeconds ?? 0) }
    }
}
