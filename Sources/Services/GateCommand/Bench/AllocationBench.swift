import Foundation

/// Counts what a record allocates: the difference of valgrind's heap totals of the other process between streams of N
/// and 2 N bytes.
enum AllocationBench {
    private static let streamBytes = 32 << 20
    private static let valgrind = "/usr/bin/valgrind"

    /// Bytes and blocks that a stream of ``streamBytes`` costs, over what the connection itself does.
    struct Count {
        let bytesPerRecord: Double
        let blocksPerRecord: Double
    }

    /// `nil` where valgrind is not installed.
    static func count(sending: Bool) async throws -> Count? {
        guard FileManager.default.isExecutableFile(atPath: valgrind) else { return nil }
        let once = try await totals(sending: sending, byteCount: streamBytes)
        let twice = try await totals(sending: sending, byteCount: 2 * streamBytes)
        let records = Double(streamBytes) / 65_535
        return Count(
            bytesPerRecord: (twice.bytes - once.bytes) / records,
            blocksPerRecord: (twice.blocks - once.blocks) / records)
    }

    private static func totals(sending: Bool, byteCount: Int) async throws -> (bytes: Double, blocks: Double) {
        let folder = try DemoFolder()
        defer { folder.remove() }
        let log = "\(folder.path)/valgrind.log"
        let bench = try await SessionBench(wrapper: [
            valgrind, "--tool=memcheck", "--leak-check=no", "--undef-value-errors=no",
            "--soname-synonyms=somalloc=NONE",
            "--log-file=\(log)",
        ])
        if sending {
            try await bench.reverseStream(byteCount: byteCount)
        } else {
            try await bench.bareStream(byteCount: byteCount)
        }
        await bench.stop()
        let text = String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
        // "total heap usage: 1,234 allocs, 1,200 frees, 5,678 bytes allocated"
        guard let line = text.split(separator: "\n").last(where: { $0.contains("total heap usage") }) else {
            throw BenchFailure.unreadable("valgrind's totals")
        }
        let numbers = line.split(separator: " ").compactMap { Double($0.filter { $0 != "," }) }
        guard numbers.count == 3 else { throw BenchFailure.unreadable("valgrind's totals: \(line)") }
        return (numbers[2], numbers[0])
    }
}
