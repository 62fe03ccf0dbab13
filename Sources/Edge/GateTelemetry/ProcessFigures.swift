internal import Glibc

/// What this process uses, under the names that Prometheus's own clients give.
package struct ProcessFigures: Sendable {
    /// Resident memory in bytes.
    package let residentBytes: Int
    /// Memory that is locked against paging, in bytes.
    package let lockedBytes: Int
    /// Processor time of all threads, user and system, in seconds.
    package let cpuSeconds: Double
    /// Descriptors that are open.
    package let openDescriptorCount: Int

    /// Reads `/proc/self`; zeros where there is none.
    package static func now() -> ProcessFigures {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let lines = contents(of: "/proc/self/status").split(separator: "\n")
        return ProcessFigures(
            residentBytes: kibibytes("VmRSS:", in: lines) * 1_024,
            lockedBytes: kibibytes("VmLck:", in: lines) * 1_024,
            cpuSeconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
            openDescriptorCount: entryCount(of: "/proc/self/fd"))
    }

    /// The figures as Prometheus text.
    var text: String {
        """
        # TYPE process_resident_memory_bytes gauge
        process_resident_memory_bytes \(residentBytes)
        # TYPE process_locked_memory_bytes gauge
        process_locked_memory_bytes \(lockedBytes)
        # TYPE process_cpu_seconds_total counter
        process_cpu_seconds_total \(cpuSeconds)
        # TYPE process_open_fds gauge
        process_open_fds \(openDescriptorCount)

        """
    }
}

private func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }

private func kibibytes(_ key: String, in lines: [Substring]) -> Int {
    lines.first { $0.hasPrefix(key) }
        .flatMap { Int($0.dropFirst(key.count).filter(\.isNumber)) } ?? 0
}

private func contents(of path: String) -> String {
    guard let file = fopen(path, "r") else { return "" }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 16_384)
    let count = fread(&buffer, 1, buffer.count, file)
    return String(decoding: buffer.prefix(count), as: UTF8.self)
}

private func entryCount(of path: String) -> Int {
    guard let folder = opendir(path) else { return 0 }
    defer { closedir(folder) }
    var count = 0
    while readdir(folder) != nil { count += 1 }
    return max(0, count - 3)  // `.`, `..` and this folder's own descriptor
}
