import FuzzEntries
import Foundation
import GateTestKit
import Testing

/// What the fuzz program starts from and what it found, and changes of both, as part of the ordinary tests.
///
/// An input that breaks an entry ends the process; it is then in the file that the last line names. `GATE_FUZZ_SEED`
/// sets another seed of the changes.
@Suite(.serialized) struct FuzzReplayTests {
    /// Changed inputs for each entry.
    private static let mutationCount = 1000

    @Test(arguments: FuzzEntry.allCases)
    func `holds for honest inputs, for what was found, and for changes of them`(entry: FuzzEntry) async throws {
        let seed = ProcessInfo.processInfo.environment["GATE_FUZZ_SEED"].flatMap(UInt64.init) ?? 1
        let inputs = try await entry.seeds() + corpus(of: entry)
        try #require(!inputs.isEmpty)
        let tape = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(entry.rawValue)-\(getpid())")
        print("\(entry.rawValue), seed \(seed); the input that is running: \(tape.path)")

        var mutator = Mutator(inputs: inputs, seed: seed)
        for input in inputs + (0..<Self.mutationCount).map({ _ in mutator.next() }) {
            try Data(input).write(to: tape)
            await entry.run(input)
        }

        try FileManager.default.removeItem(at: tape)
    }

    @Test func `the corpus has entries' names only`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.corpus.path)
        #expect(names.filter { FuzzEntry(rawValue: $0) == nil } == [])
    }

    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fuzz/Corpus")

    private func corpus(of entry: FuzzEntry) throws -> [[UInt8]] {
        let folder = Self.corpus.appending(path: entry.rawValue)
        guard FileManager.default.fileExists(atPath: folder.path) else { return [] }
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
        return try files.sorted { $0.path < $1.path }.map { try Array(Data(contentsOf: $0)) }
    }
}
