import Glibc

/// What a process has cost so far, read from the system's accounting.
package struct ProcessCost {
    /// User and system time, seconds.
    package let cpuSeconds: Double
    /// Memory that is in RAM now, bytes.
    package let residentBytes: Int

    /// This process, to the microsecond.
    package static func ownCPUSeconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    /// Any process of ours, from `/proc`; `nil` once it has ended. CPU time has the resolution of the system's tick.
    package static func of(process: Int32) -> ProcessCost? {
        guard let stat = read("/proc/\(process)/stat"), let end = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let pages = Int(fields[21])
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        return ProcessCost(
            cpuSeconds: (user + system) / ticks, residentBytes: pages * Int(sysconf(Int32(_SC_PAGESIZE))))
    }

    /// The process and all that it started and that they started.
    package static func tree(root: Int32) -> [Int32] {
        var all: [Int32] = [root]
        var next = 0
        while next < all.count {
            let process = all[next]
            next += 1
            guard let children = read("/proc/\(process)/task/\(process)/children") else { continue }
            all += children.split(separator: " ").compactMap { Int32($0) }
            for thread in threads(of: process) where thread != process {
                guard let more = read("/proc/\(process)/task/\(thread)/children") else { continue }
                all += more.split(separator: " ").compactMap { Int32($0) }
            }
        }
        return all
    }

    private static func threads(of process: Int32) -> [Int32] {
        guard let directory = opendir("/proc/\(process)/task") else { return [] }
        defer { closedir(directory) }
        var threads: [Int32] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let thread = Int32(name) { threads.append(thread) }
        }
        return threads
    }

    /// A file of `/proc` as text; such files tell no size.
    package static func read(_ path: String) -> String? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var text: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 16 * 1024)
        while true {
            let count = fread(&part, 1, part.count, file)
            guard count > 0 else { return String(decoding: text, as: UTF8.self) }
            text += part[..<count]
        }
    }
}
