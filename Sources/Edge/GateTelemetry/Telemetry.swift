internal import CoreMetrics
internal import Glibc
package import Logging
internal import Synchronization

/// Starts logs and metrics of a process; called once, first, by each program.
package enum Telemetry {
    /// Sends logs to standard error and metrics to the returned registry.
    ///
    /// Also ignores SIGPIPE: a reader of our logs that went away must not end the process.
    package static func start(program: String, format: LogFormat, threshold: LogThreshold) -> PrometheusRegistry {
        signal(SIGPIPE, SIG_IGN)
        let level = threshold.level
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, program: program, format: format, level: level) { StandardError.write($0) }
        }
        let registry = PrometheusRegistry()
        MetricsSystem.bootstrap(registry)
        return registry
    }
}

extension LogThreshold {
    /// The same level in swift-log's words.
    package var level: Logger.Level { Logger.Level(rawValue: rawValue) ?? .info }
}

/// Standard error, one whole line after the other.
package enum StandardError {
    private static let turn = Mutex(())

    /// Writes `line` without mixing it with other threads' lines; gives up where nobody can read it.
    package static func write(_ line: String) {
        turn.withLock { _ in writeAll(Array(line.utf8), to: STDERR_FILENO) }
    }
}

/// Standard output, for the few lines that programs read: `ready` and listings.
package enum StandardOutput {
    /// Writes `line` and a newline at once.
    package static func writeLine(_ line: String) { writeAll(Array((line + "\n").utf8), to: STDOUT_FILENO) }
}

private func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    bytes.withUnsafeBytes { buffer in
        var rest = buffer[...]
        while !rest.isEmpty {
            let written = Glibc.write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }
}
