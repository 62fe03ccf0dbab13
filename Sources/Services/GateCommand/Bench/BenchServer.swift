import Foundation
import Glibc

/// A PostgreSQL server for one measurement: a private one on loopback that goes with this process, or one that is
/// named.
final class BenchServer: Sendable {
    /// libpq's URL of the database to fill.
    let url: String
    private let programs: String
    private let folder: String?
    private let server: ChildProcess?

    /// Takes a server that runs; its database must be empty.
    init(url: String) throws {
        self.url = url
        programs = try BenchServer.programFolder()
        folder = nil
        server = nil
    }

    /// Starts a server of its own, as the user `postgres` where this process is root's.
    init() throws {
        programs = try BenchServer.programFolder()
        let folder = "/var/tmp/quantumgate-bench-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        self.folder = folder
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        if geteuid() == 0 {
            guard let user = getpwnam("postgres"), chown(folder, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
                throw CommandFailure("there is no user postgres; sudo apt-get install -y postgresql")
            }
        }
        guard let port = FreePorts.bases(count: 1).first else { throw CommandFailure("there is no free port") }
        let data = "\(folder)/data"
        try BenchServer.run("\(programs)/initdb", ["-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8"])
        // The shell ends with its input, which closes with this process, and takes the server along.
        let script = "\"$@\" & server=$!; cat >/dev/null; kill -INT $server; wait $server"
        let settings = [
            "port=\(port)", "listen_addresses=127.0.0.1", "unix_socket_directories=\(folder)", "shared_buffers=1GB",
            "max_wal_size=8GB", "checkpoint_timeout=30min",
        ]
        let command =
            BenchServer.asServerUser + ["\(programs)/postgres", "-D", data] + settings.flatMap { ["-c", $0] }
        server = try ChildProcess("/bin/sh", ["-c", script, "sh"] + command, errors: "/dev/null")
        url = "postgresql://bench@127.0.0.1:\(port)/postgres"
        let deadline = MonotonicSeconds.now() + BenchServer.startSeconds
        while (try? run("pg_isready", ["-q", "-d", url])) == nil {
            guard MonotonicSeconds.now() < deadline else { throw CommandFailure("PostgreSQL does not start") }
            usleep(50_000)
        }
    }

    /// Stops a server of its own and removes its folder.
    func stop() {
        guard let server, let folder else { return }
        server.closeInput()
        _ = server.wait()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs SQL to its end.
    func sql(_ text: String) throws { try run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, url]) }

    /// The rows of a query, columns divided by `|`.
    func rows(_ query: String) throws -> [Substring] {
        try run("psql", ["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", query, url]).split(separator: "\n")
    }

    /// Writes what was changed to the disk, so that nothing does so while queries are measured. A server that is named
    /// is left alone: its user need not have the right.
    func settle() throws { if server != nil { try sql("CHECKPOINT") } }

    /// Makes pgbench's tables.
    func preparePgbench() throws { try run("pgbench", ["-i", "-q", "-s", "10", url]) }

    /// Selects a second of `pgbench -S`, prepared statements, that many clients.
    func pgbenchRate(clients: Int, seconds: Int) throws -> Double {
        let output = try run(
            "pgbench",
            ["-n", "-S", "-M", "prepared", "-c", "\(clients)", "-j", "\(min(clients, 2))", "-T", "\(seconds)", url])
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("tps = ") }),
            let rate = Double(line.dropFirst("tps = ".count).prefix { $0 != " " })
        else { throw CommandFailure("pgbench told no rate") }
        return rate
    }

    private static let startSeconds = 20.0
    private static let runSeconds = 1800.0

    @discardableResult
    private func run(_ program: String, _ arguments: [String]) throws -> String {
        try BenchServer.run("\(programs)/\(program)", arguments)
    }

    @discardableResult
    private static func run(_ program: String, _ arguments: [String]) throws -> String {
        let command = asServerUser + [program] + arguments
        let result = try ChildProcess.run(
            command[0], Array(command.dropFirst()), errors: "/dev/null", within: runSeconds)
        guard result.code == 0 else { throw CommandFailure("\(program) failed with exit code \(result.code)") }
        return result.output
    }

    /// PostgreSQL refuses to run as root.
    private static var asServerUser: [String] {
        geteuid() == 0 ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : []
    }

    private static func programFolder() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        for version in versions.sorted(by: >)
        where FileManager.default.isExecutableFile(atPath: "\(root)/\(version)/bin/pgbench") {
            return "\(root)/\(version)/bin"
        }
        throw CommandFailure("PostgreSQL is missing: sudo apt-get install -y postgresql")
    }
}
