import Foundation
import GateCommand
import GateModel
import Testing

extension Acceptance {
    @Suite struct `Real kernels, links and gate-socks5` {
        @Test(.enabled(if: ProcessMemory.isAllowed, "run as root: another process's memory can't be read"))
        func `hold no marker that was sent through, once it is through`() async throws {
            try await RunningNetwork.with(hops: 2) { running in
                let marker = "marker-\(UUID().uuidString)"
                // In the head of each request, so that it passes every process of the way.
                var marked = running.network.download(
                    hops: 2, isolate: "marker", from: running.web.endpoint, byteCount: 1 << 20)
                marked.agent = marker
                let download = marked
                for _ in 0..<20 { _ = try await blocking { try download.run() } }
                #expect(try await running.download(hops: 2, isolate: "marker", byteCount: 1 << 20))
                // It is in this process, so a scan that finds nothing here would be blind.
                #expect(try ProcessMemory.count(of: marker, in: getpid()) > 0)
                for node in running.network.nodes {
                    for program in ["gate-kernel", "gate-socks5"] {
                        for pid in node.processes(running: program) {
                            let isGone = try await blocking {
                                try Acceptance.eventually(within: 5) {
                                    try ProcessMemory.count(of: marker, in: pid) == 0
                                }
                            }
                            let left = try ProcessMemory.count(of: marker, in: pid)
                            #expect(isGone, "\(program) of \(node.name) holds it \(left) times")
                        }
                    }
                }
            }
        }
    }
}

/// Reads another process's writable memory.
enum ProcessMemory {
    private static let partBytes = 4 << 20

    /// Whether the system lets us.
    static var isAllowed: Bool { geteuid() == 0 || ProcessInfo.processInfo.environment["CI"] == "true" }

    /// How often `text` is there.
    static func count(of text: String, in pid: Int32) throws -> Int {
        let memory = open("/proc/\(pid)/mem", O_RDONLY)
        guard memory >= 0 else { throw DemoNode.Failure("the memory of \(pid) can't be read") }
        defer { close(memory) }
        let pattern = Array(text.utf8)
        var found = 0
        for range in writableRanges(of: pid) {
            var start = range.lowerBound
            while start < range.upperBound {
                var part = [UInt8](repeating: 0, count: min(partBytes, range.upperBound - start))
                let got = pread(memory, &part, part.count, off_t(start))
                guard got > 0 else { break }
                found += ByteSearch.count(of: pattern, in: part[..<got])
                // The next part begins a pattern's length earlier, so that none is cut.
                start += got < partBytes ? got : got - pattern.count
            }
        }
        return found
    }

    private static func writableRanges(of pid: Int32) -> [Range<Int>] {
        Acceptance.lines(of: "/proc/\(pid)/maps").compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 1, fields[1].hasPrefix("rw"), !line.contains("[vvar") else { return nil }
            let ends = fields[0].split(separator: "-").compactMap { Int($0, radix: 16) }
            return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
        }
    }
}

extension Acceptance {
    static func lines(of path: String) -> [Substring] { (ProcessCost.read(path) ?? "").split(separator: "\n") }
}
