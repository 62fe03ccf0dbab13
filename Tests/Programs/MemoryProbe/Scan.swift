import Glibc

/// Looks for masked patterns in all writable memory of this process.
enum Scan {
    struct Counts {
        var heap = 0
        var anonymous = 0
        var stack = 0
        var data = 0

        var json: String {
            "{\"heap\": \(heap), \"anonymous\": \(anonymous), \"stack\": \(stack), \"data\": \(data)}"
        }
    }

    private static let windowBytes = 1 << 20

    static func count(_ patterns: [[UInt8]]) -> Counts {
        var counts = Counts()
        let memory = open("/proc/self/mem", O_RDONLY)
        guard memory >= 0,
            let window = mmap(nil, windowBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            window != MAP_FAILED
        else { return counts }
        defer {
            munmap(window, windowBytes)
            close(memory)
        }
        let index = Index(patterns)
        let own = UInt(bitPattern: window)
        for region in regions() where region.end <= own || region.start >= own + UInt(windowBytes) {
            let found = count(index, region, memory, UnsafeMutableRawBufferPointer(start: window, count: windowBytes))
            switch region.kind {
            case "[heap]": counts.heap += found
            case "[stack]": counts.stack += found
            case "": counts.anonymous += found
            default: counts.data += found
            }
        }
        return counts
    }

    /// Patterns by their first two bytes, masked.
    private struct Index {
        var first: [[[UInt8]]] = Array(repeating: [], count: 1 << 16)

        init(_ patterns: [[UInt8]]) {
            for pattern in patterns { first[Int(pattern[0]) << 8 | Int(pattern[1])].append(pattern) }
        }
    }

    private struct Region {
        let start: UInt
        let end: UInt
        let kind: String
    }

    private static func count(
        _ index: Index, _ region: Region, _ memory: CInt, _ window: UnsafeMutableRawBufferPointer
    ) -> Int {
        var found = 0
        let overlap: UInt = 64
        var position = region.start
        while position < region.end {
            let wanted = min(Int(region.end - position), window.count)
            let count = pread(memory, window.baseAddress, wanted, Int(bitPattern: position))
            guard count > 0 else { break }  // a guard page
            found += matches(index, UnsafeRawBufferPointer(rebasing: window[..<count]))
            guard count == window.count else { break }
            position += UInt(count) - overlap
        }
        return found
    }

    private static func matches(_ index: Index, _ bytes: UnsafeRawBufferPointer) -> Int {
        var found = 0
        for place in 0..<max(0, bytes.count - 1) {
            let key = Int(bytes[place] ^ Watch.mask) << 8 | Int(bytes[place + 1] ^ Watch.mask)
            for pattern in index.first[key] where place + pattern.count <= bytes.count {
                if pattern.indices.allSatisfy({ bytes[place + $0] ^ Watch.mask == pattern[$0] }) { found += 1 }
            }
        }
        return found
    }

    private static func regions() -> [Region] {
        guard let file = fopen("/proc/self/maps", "r") else { return [] }
        defer { fclose(file) }
        var regions: [Region] = []
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, CInt(line.count), file) != nil {
            let text = line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }
            let fields = String(decoding: text, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: true)
            guard fields.count >= 5, fields[1].hasPrefix("rw") else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
            guard ends.count == 2 else { continue }
            regions.append(Region(start: ends[0], end: ends[1], kind: fields.count > 5 ? String(fields[5]) : ""))
        }
        return regions
    }
}
