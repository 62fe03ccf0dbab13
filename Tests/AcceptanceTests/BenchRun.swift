import Foundation
import GateCommand
import Testing

/// A `quantumgate bench` that is run to its end.
enum BenchRun {
    struct Figure: Decodable {
        let metric: String
        let value: Double
        let detail: [String: Double]
    }

    /// What it measured, by metric; its exit code has to be 0.
    static func figures(of arguments: [String]) async throws -> [String: Figure] {
        let done = try await blocking {
            let run = try ChildProcess.run(
                Acceptance.programs.quantumgate, ["bench"] + arguments + ["--json"], within: 230)
            return (code: run.code, output: run.output)
        }
        let figures = try done.output.split(separator: "\n").map {
            try JSONDecoder().decode(Figure.self, from: Data($0.utf8))
        }
        #expect(done.code == 0, "\(done.output)")
        return Dictionary(figures.map { ($0.metric, $0) }) { $1 }
    }
}
