import ArgumentParser
import Foundation

extension BenchCommand {
    /// Faults, what came of them, and whether a superseded worker had any effect.
    func history() async throws {
        if let judge {
            let checker = try await BlockingWork.run { try HistoryBench.judge(judge) }
            try report(checker)
            guard checker.violationCount == 0 else { throw ExitCode(1) }
            return
        }
        let bench = HistoryBench(
            faultCount: strikes, workers: workers, peers: peers, replicas: replicas,
            seed: seed ?? UInt64.random(in: 0...UInt64(UInt32.max)), programs: programFolder, folder: keep)
        let start = MonotonicSeconds.now()
        let outcome = try await bench.run { complain("\(Int(MonotonicSeconds.now() - start)) s  \($0)") }
        var kinds = ["seed": Double(bench.seed), "workers": Double(workers)]
        for kind in HistoryFault.Kind.allCases {
            kinds[kind.rawValue] = Double(outcome.faults.count { $0.kind == kind })
        }
        try BenchFigure("history.faults", Double(outcome.faults.count), "faults", kinds).report(json: json)
        try BenchFigure("history.stuck", Double(outcome.stuckPeers.count), "peers", ["peers": Double(peers)])
            .report(json: json)
        try report(outcome.checker)
        for peer in outcome.stuckPeers { complain("peer \(peer) could not stream in the end") }
        guard outcome.checker.violationCount == 0, outcome.stuckPeers.isEmpty else { throw ExitCode(1) }
    }

    private func report(_ checker: HistoryChecker) throws {
        let figures = checker.figures
        let all = [
            BenchFigure("history.takeovers", Double(figures.takeovers), "epochs that the database gave"),
            BenchFigure(
                "history.streams", Double(figures.streams), "streams",
                ["whole": Double(figures.streamsWhole), "broken": Double(figures.streams - figures.streamsWhole)]),
            BenchFigure(
                "history.checked", Double(figures.bytesChecked), "bytes",
                ["messages": Double(figures.messagesChecked)]),
            BenchFigure(
                "history.refused", Double(figures.refusedFrames + figures.refusedEvents + figures.refusedWrites),
                "attempts of superseded workers",
                [
                    "frames": Double(figures.refusedFrames), "bytes": Double(figures.refusedBytes),
                    "events": Double(figures.refusedEvents), "writes": Double(figures.refusedWrites),
                ]),
            BenchFigure("history.violations", Double(checker.violationCount), "violations"),
        ]
        for figure in all { try figure.report(json: json) }
        for violation in checker.violations { complain("\(violation)") }
    }
}

/// Says something beside the figures.
private func complain(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
