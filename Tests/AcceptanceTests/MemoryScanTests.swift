import Foundation
import Testing

/// "A spawned program runs a session, keeps its keys and a marker only XOR-masked, ends it and scans its writable
/// memory."
@Suite struct MemoryProbes {
    @Test(.enabled(if: ProbeProgram.isUsable("memory-probe"), "build the programs first: swift build"))
    func `nothing of a session's secrets is left in the heap`() throws {
        let report = try ProbeProgram.run("memory-probe")
        #expect(report.wiping)
        #expect(report.patterns == 28)
        #expect(report.during.heap > 0 && report.during.anonymous > 0, "the scan finds what is alive")
        #expect(report.after.heap == 0)
        #expect(report.after.anonymous == 0)
    }

    @Test(.enabled(if: ProbeProgram.isUsable("memory-probe-unwiped"), "build the programs first: swift build"))
    func `without CWipe some are left, so the scan can fail`() throws {
        let report = try ProbeProgram.run("memory-probe-unwiped")
        #expect(!report.wiping)
        #expect(report.after.heap > 0)
    }
}

/// What `memory-probe` prints: copies found, by kind of memory.
struct MemoryReport: Decodable {
    struct Counts: Decodable {
        let heap: Int
        let anonymous: Int
        let stack: Int
        let data: Int
    }

    let wiping: Bool
    let patterns: Int
    let during: Counts
    let after: Counts
}

/// A program of this package that tests start: in the folder that `GATE_PROGRAMS` names, or beside the tests.
enum ProbeProgram {
    static func url(_ name: String) -> URL {
        let named = ProcessInfo.processInfo.environment["GATE_PROGRAMS"].map { URL(filePath: $0) }
        let beside = Bundle.main.executableURL?.deletingLastPathComponent() ?? URL(filePath: ".build/debug")
        return (named ?? beside).appending(path: name)
    }

    static func isUsable(_ name: String) -> Bool {
        ProcessInfo.processInfo.environment["CI"] == "true"
            || FileManager.default.isExecutableFile(atPath: url(name).path)
    }

    static func run(_ name: String) throws -> MemoryReport {
        let process = Process()
        let output = Pipe()
        process.executableURL = url(name)
        process.standardOutput = output
        try process.run()
        let data = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return try JSONDecoder().decode(MemoryReport.self, from: data)
    }
}
