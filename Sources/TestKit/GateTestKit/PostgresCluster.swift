import Foundation
import Synchronization

/// A PostgreSQL server of a test's own: in a temporary folder, on a free port of loopback and a socket, gone when the
/// test process ends, however it ends.
///
/// Runs as the user `postgres` where the tests run as root. Roles: `postgres` (superuser) and `gate`, which owns the
/// databases and has no rights beyond that. Every local connection is trusted unless `access` says otherwise.
package final class PostgresCluster: Sendable {
    /// How a server is set up.
    package struct Setup: Sendable {
        /// Lines of `postgresql.conf`, behind ours.
        package var settings: [String] = []
        /// Lines of `pg_hba.conf`, in place of trust for everybody.
        package var access: [String]?
        /// Whether commits reach the disk; off where no test looks after a crash of the machine.
        package var isDurable = false

        package init() {}
    }

    /// Why there is no server.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    /// Everything of the server: `data`, the socket, `log`.
    package let folder: String
    /// Its TCP port on 127.0.0.1.
    package let port: UInt16
    private let programs: String
    private let guardian = Mutex<(process: Process, input: Pipe)?>(nil)

    /// The server that the tests of this process share, each with databases of its own.
    package static func shared() throws -> PostgresCluster { try sharedResult.get() }

    private static let sharedResult = Result { try PostgresCluster() }

    /// Makes and starts a server.
    package init(_ setup: Setup = Setup()) throws {
        programs = try PostgresCluster.installed()
        folder = try PostgresCluster.makeFolder()
        port = try PostgresCluster.freePort()
        try run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
        try append(PostgresCluster.settings(setup, port: port, folder: folder), to: "\(data)/postgresql.conf")
        let access = setup.access ?? ["host all all 127.0.0.1/32 trust"]
        let always = ["local all postgres trust", "local replication postgres trust"]
        let local = setup.access == nil ? ["local all all trust"] : []
        try write((always + access + local).joined(separator: "\n") + "\n", to: "\(data)/pg_hba.conf")
        try start()
        try sql("CREATE ROLE gate LOGIN")
    }

    private init(copying other: PostgresCluster) throws {
        programs = other.programs
        folder = try PostgresCluster.makeFolder()
        port = try PostgresCluster.freePort()
        try run(
            "pg_basebackup", "-D", data, "-h", other.folder, "-p", "\(other.port)", "-U", "postgres", "-R", "-c", "fast"
        )
        try append(
            ["port = \(port)", "unix_socket_directories = '\(folder)'"], to: "\(data)/postgresql.conf")
        try start()
    }

    /// A server that follows this one, readable only until it is promoted.
    package func standby() throws -> PostgresCluster { try PostgresCluster(copying: self) }

    /// Makes a standby the one that writes.
    package func promote() throws { try run("pg_ctl", "promote", "-w", "-D", data) }

    /// Starts it again, on the same port.
    package func start() throws {
        try? FileManager.default.removeItem(atPath: "\(folder)/keep")
        let process = Process()
        let input = Pipe()
        process.executableURL = URL(filePath: "/bin/sh")
        // The pipe closes when this process ends: then the server goes, and its folder with it.
        let script = """
            folder=$1; shift; "$@" & server=$!; cat >/dev/null; kill -QUIT $server 2>/dev/null; wait $server
            [ -e "$folder/keep" ] || rm -rf "$folder"
            """
        process.arguments =
            ["-c", script, "sh", folder] + PostgresCluster.asServerUser + ["\(programs)/postgres", "-D", data]
        process.standardInput = input
        _ = FileManager.default.createFile(atPath: "\(folder)/log", contents: nil)
        let log = FileHandle(forWritingAtPath: "\(folder)/log") ?? .nullDevice
        process.standardOutput = log
        process.standardError = log
        try process.run()
        guardian.withLock { $0 = (process, input) }
        for _ in 0..<300 {
            if (try? run("pg_isready", "-q", "-h", folder, "-p", "\(port)")) != nil { return }
            usleep(50_000)
        }
        throw Failure(description: "PostgreSQL does not start; see \(folder)/log")
    }

    /// Stops it: `fast` ends sessions and keeps everything, `immediate` is a crash.
    package func stop(_ mode: String = "fast") throws {
        _ = FileManager.default.createFile(atPath: "\(folder)/keep", contents: nil)
        try run("pg_ctl", "stop", "-w", "-m", mode, "-D", data)
        let held = guardian.withLock { held in
            defer { held = nil }
            return held
        }
        try? held?.input.fileHandleForWriting.close()
        held?.process.waitUntilExit()
    }

    /// Stops it and starts it again.
    package func restart(_ mode: String = "fast") throws {
        try stop(mode)
        try start()
    }

    /// Stops it and removes its folder.
    package func remove() {
        try? stop("immediate")
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Makes an empty database that `gate` owns; its name.
    package func makeDatabase() throws -> String {
        let name = "t\(String(UInt64.random(in: .min ... .max), radix: 36))"
        try run("createdb", "-h", folder, "-p", "\(port)", "-U", "postgres", "-O", "gate", name)
        return name
    }

    /// The URL of a database over the socket.
    package func url(_ database: String, user: String = "gate") -> String {
        "postgresql://\(user)@/\(database)?host=\(folder)&port=\(port)"
    }

    /// The URL of a database over TCP.
    package func networkURL(_ database: String, user: String = "gate") -> String {
        "postgresql://\(user)@127.0.0.1:\(port)/\(database)"
    }

    /// Runs statements as superuser; the rows as `psql -At` prints them.
    @discardableResult
    package func sql(_ text: String, in database: String = "postgres") throws -> String {
        try run(
            "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", folder, "-p", "\(port)", "-U", "postgres", "-c", text,
            database)
    }

    /// The folder of the server's data.
    package var data: String { "\(folder)/data" }

    /// Runs one of PostgreSQL's programs as the server's user; what it printed.
    @discardableResult
    package func run(_ program: String, _ arguments: String...) throws -> String {
        let process = Process()
        let output = Pipe()
        let command = PostgresCluster.asServerUser + ["\(programs)/\(program)"] + arguments
        process.executableURL = URL(filePath: command[0])
        process.arguments = Array(command.dropFirst())
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = program == "pg_ctl" || program == "pg_isready" ? FileHandle.nullDevice : output
        try process.run()
        let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let text = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard process.terminationStatus == 0 else { throw Failure(description: "\(program): \(text)") }
        return text
    }
}

extension PostgresCluster {
    /// The folder of the newest PostgreSQL's programs.
    package static func installed() throws -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        for version in versions.sorted(by: >) {
            let programs = "\(root)/\(version)/bin"
            if FileManager.default.isExecutableFile(atPath: "\(programs)/initdb") { return programs }
        }
        throw Failure(description: "PostgreSQL is missing: sudo apt-get install -y postgresql")
    }

    /// Whether tests with a server should run: where it is installed, and in CI, where they fail without.
    package static var isExpected: Bool {
        (try? installed()) != nil || ProcessInfo.processInfo.environment["CI"] == "true"
    }

    private static func settings(_ setup: Setup, port: UInt16, folder: String) -> [String] {
        [
            "port = \(port)", "listen_addresses = '127.0.0.1'", "unix_socket_directories = '\(folder)'",
            "max_connections = 200", "shared_buffers = 64MB", "wal_level = replica", "hot_standby = on",
            "fsync = \(setup.isDurable ? "on" : "off")", "full_page_writes = \(setup.isDurable ? "on" : "off")",
            "autovacuum_naptime = 10s", "logging_collector = off",
        ] + setup.settings
    }

    /// PostgreSQL refuses to run as root.
    private static var asServerUser: [String] {
        geteuid() == 0 ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] : []
    }

    private static func makeFolder() throws -> String {
        let name = "gate-pg-\(String(UInt64.random(in: .min ... .max), radix: 36))"
        let path = "/tmp/\(name)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o755])
        if geteuid() == 0 {
            guard let user = getpwnam("postgres"), chown(path, user.pointee.pw_uid, user.pointee.pw_gid) == 0 else {
                throw Failure(description: "there is no user postgres")
            }
        }
        return path
    }

    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw Failure(description: "no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    private func append(_ lines: [String], to path: String) throws {
        let handle = FileHandle(forWritingAtPath: path)
        try handle?.seekToEnd()
        try handle?.write(contentsOf: Data((lines.joined(separator: "\n") + "\n").utf8))
        try handle?.close()
    }

    private func write(_ text: String, to path: String) throws {
        // In place, so that the file stays its owner's.
        let handle = FileHandle(forWritingAtPath: path)
        try handle?.truncate(atOffset: 0)
        try handle?.write(contentsOf: Data(text.utf8))
        try handle?.close()
    }
}
