import Foundation
import GateCommand
import Testing

/// What must be shown, line by line, with the built programs on this machine. One network at a time.
@Suite(.serialized, .timeLimit(.minutes(4)))
enum Acceptance {
    /// The built programs: the folder that `GATE_PROGRAMS` names, else the debug products beside these tests.
    static let programs = ProgramFolder(
        path: ProcessInfo.processInfo.environment["GATE_PROGRAMS"]
            ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().path)

    /// Whether the programs are optimised, so that figures and amounts are those of real use.
    static let isOptimised = ProcessInfo.processInfo.environment["GATE_PROGRAMS"] != nil

    /// A file of many seconds on the programs at hand.
    static let longFileBytes = isOptimised ? 256 << 20 : 24 << 20

    /// Where the nodes of one test live.
    static func folder() throws -> DemoFolder { try DemoFolder() }

    /// Asks until the answer is yes or time is up.
    static func eventually(within seconds: Double, _ isSo: () throws -> Bool) rethrows -> Bool {
        let deadline = MonotonicSeconds.now() + seconds
        while try !isSo() {
            guard MonotonicSeconds.now() < deadline else { return false }
            usleep(50_000)
        }
        return true
    }
}

/// A program that a test needs; where it is missing the test is skipped, in CI it fails.
struct Tool {
    let name: String
    let package: String

    var path: String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        return folders.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Whether the test should run.
    var isExpected: Bool { path != nil || ProcessInfo.processInfo.environment["CI"] == "true" }

    static let curl = Tool(name: "curl", package: "curl")
    static let git = Tool(name: "git", package: "git")
    static let torsocks = Tool(name: "torsocks", package: "torsocks")
}

extension Trait where Self == ConditionTrait {
    /// Skips where the tool is missing, and says which package brings it.
    static func needs(_ tool: Tool) -> Self {
        .enabled(if: tool.isExpected, "sudo apt-get install -y \(tool.package)")
    }
}
