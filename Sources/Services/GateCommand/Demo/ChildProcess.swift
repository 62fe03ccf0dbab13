import Foundation
import Glibc
import Synchronization

/// A program started by this process, whose standard input is a pipe that closes when this process ends.
package final class ChildProcess: Sendable {
    /// Why a program could not be started or used.
    package enum Failure: Error, CustomStringConvertible {
        case cannotStart(String, Int32)
        case endedBefore(String)
        case tooLateFor(String)

        package var description: String {
            switch self {
            case .cannotStart(let path, let code): "cannot start \(path): \(String(cString: strerror(code)))"
            case .endedBefore(let what): "the program ended before \(what)"
            case .tooLateFor(let what): "the program took too long for \(what)"
            }
        }
    }

    package let pid: Int32
    private let input: Mutex<Int32?>
    private let output: Int32
    private let unread = Mutex<[UInt8]>([])
    private let status = Mutex<Int32?>(nil)

    /// Starts `path`; its errors go to the file `errors`, appended, or to where ours go.
    package init(
        _ path: String, _ arguments: [String], errors: String? = nil, environment: [String: String] = [:]
    ) throws(Failure) {
        let toChild = try ChildProcess.pipe()
        let fromChild = try ChildProcess.pipe()
        defer {
            close(toChild.reading)
            close(fromChild.writing)
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild.reading, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild.writing, STDOUT_FILENO)
        if let errors {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        for descriptor in ChildProcess.ownDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }
        var attributes = ChildProcess.plainSignals()
        defer { posix_spawnattr_destroy(&attributes) }
        let variables = ChildProcess.environment().merging(environment) { $1 }.map { "\($0)=\($1)" }
        var pid: pid_t = 0
        let result = ChildProcess.withCStrings([path] + arguments) { arguments in
            ChildProcess.withCStrings(variables) { posix_spawn(&pid, path, &actions, &attributes, arguments, $0) }
        }
        guard result == 0 else {
            close(toChild.writing)
            close(fromChild.reading)
            throw .cannotStart(path, result)
        }
        self.pid = pid
        input = Mutex(toChild.writing)
        output = fromChild.reading
    }

    deinit {
        closeInput()
        close(output)
    }

    /// Runs a program to its end; its exit code and what it printed.
    package static func run(
        _ path: String, _ arguments: [String], errors: String? = nil, environment: [String: String] = [:],
        within seconds: Double = 60
    ) throws(Failure) -> (code: Int32, output: String) {
        let child = try ChildProcess(path, arguments, errors: errors, environment: environment)
        child.closeInput()
        let deadline = MonotonicSeconds.now() + seconds
        var output = ""
        do {
            while let line = try child.readLine(deadline: deadline, for: "its answer") { output += line + "\n" }
        } catch {
            child.signal(SIGKILL)
            _ = child.wait()
            throw error
        }
        return (child.wait(), output)
    }

    /// The next line on standard output without its newline; `nil` at the end.
    package func readLine(deadline: Double, for what: String) throws(Failure) -> String? {
        while true {
            let line: String? = unread.withLock { bytes in
                guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
                defer { bytes.removeSubrange(...end) }
                return String(decoding: bytes[..<end], as: UTF8.self)
            }
            if let line { return line }
            var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let left = deadline - MonotonicSeconds.now()
            guard left > 0 else { throw .tooLateFor(what) }
            guard Glibc.poll(&entry, 1, Int32(min(left * 1000, 1000)) + 1) > 0 else { continue }
            var part = [UInt8](repeating: 0, count: 16 * 1024)
            let count = read(output, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return nil }
            unread.withLock { $0 += part[..<count] }
        }
    }

    /// Writes a line to its standard input.
    package func writeLine(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        input.withLock { descriptor in
            guard let descriptor else { return }
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }
    }

    /// Closes its standard input, which asks programs of ours to stop.
    package func closeInput() {
        input.withLock { descriptor in
            guard let open = descriptor else { return }
            close(open)
            descriptor = nil
        }
    }

    package func signal(_ signal: Int32) {
        status.withLock { if $0 == nil { kill(pid, signal) } }
    }

    /// Waits for the end: the exit code, or 128 and the signal.
    @discardableResult
    package func wait() -> Int32 {
        while true {
            if let ended = poll() { return ended }
            usleep(10_000)
        }
    }

    /// How it ended; `nil` while it runs.
    package func poll() -> Int32? {
        status.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
            known = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
            return known
        }
    }

    /// Asks it to stop, and after so many seconds makes it.
    package func stop(grace seconds: Double) {
        closeInput()
        signal(SIGTERM)
        let deadline = MonotonicSeconds.now() + seconds
        while poll() == nil, MonotonicSeconds.now() < deadline { usleep(10_000) }
        signal(SIGKILL)
        wait()
    }

    private static func pipe() throws(Failure) -> (reading: Int32, writing: Int32) {
        // A socket pair, since only that is closed on exec from its first moment: other threads start programs too.
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw .cannotStart("a pipe", errno)
        }
        return (ends[0], ends[1])
    }

    /// All that are open, and some more, since other threads open theirs meanwhile; closing one that isn't open is no
    /// fault. Sockets of ours would stay open in a child when we close them, and the other side would not learn of it.
    private static func ownDescriptors() -> ClosedRange<Int32> {
        let first = STDERR_FILENO + 1
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return first...max(first, names.compactMap { Int32($0) }.max() ?? first) + spareDescriptors
    }

    private static let spareDescriptors: Int32 = 64

    /// No signal is blocked or ignored, whatever this process does with them.
    private static func plainSignals() -> posix_spawnattr_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        for signal in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { sigaddset(&signals, signal) }
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        return attributes
    }

    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var next = environ
        while let entry = next.pointee {
            let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
            next += 1
        }
        return variables
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}

/// Seconds of a clock that only goes forward.
package enum MonotonicSeconds {
    package static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
