import Foundation
import GateTestKit
import Testing

@testable import GatePostgres

@Suite struct ThePostgresTarget {
    @Test func `takes sockets and loopback as they are, other machines only if they prove themselves`() throws {
        for url in [
            "postgresql:///gate?host=/run/postgresql", "postgresql://gate@127.0.0.1/gate", "postgres://[::1]:5433/gate",
            "postgresql://gate@localhost/gate", "postgresql://db.example.org/gate?sslmode=verify-full",
            "postgresql://a.example.org,b.example.org/gate?sslmode=verify-ca",
        ] {
            _ = try PostgresTarget(url: url)
        }
        for url in [
            "postgresql://db.example.org/gate", "postgresql://db.example.org/gate?sslmode=require",
            "postgresql://127.0.0.1,10.0.0.1/gate", "postgresql://localhost/gate?hostaddr=10.0.0.1",
        ] {
            let failure = #expect(throws: PostgresFailure.self) { try PostgresTarget(url: url) }
            #expect(failure?.description.contains("verify-full") == true)
            _ = try PostgresTarget(url: url, allowsPlain: true)
        }
    }

    @Test func `takes no password, and quotes none`() {
        for url in [
            "postgresql://gate:hunter2@127.0.0.1/gate", "postgresql://127.0.0.1/gate?password=hunter2",
            "postgresql://127.0.0.1/gate?sslpassword=hunter2", "postgresql://gate:hunter2@127.0.0.1/gate?bad",
        ] {
            let failure = #expect(throws: PostgresFailure.self) { try PostgresTarget(url: url) }
            #expect(failure?.description.contains("hunter2") == false)
        }
    }

    @Test func `needs a host and a database`() {
        for url in ["postgresql:///gate", "postgresql://127.0.0.1", "postgresql://127.0.0.1/gate?service=x", "x"] {
            #expect(throws: PostgresFailure.self) { try PostgresTarget(url: url) }
        }
    }
}

@Suite(.serialized, .needsPostgreSQL, .timeLimit(.minutes(2)))
struct AServerThatProvesItself {
    /// A server with a password and a certificate for 127.0.0.1, and what the other side needs.
    private struct Server {
        let cluster: PostgresCluster
        let database: String
        var authority: String { "\(cluster.folder)/ca.pem" }
        var password: String { "\(cluster.folder)/password" }

        init() throws {
            var setup = PostgresCluster.Setup()
            setup.access = ["hostssl all gate 127.0.0.1/32 scram-sha-256"]
            cluster = try PostgresCluster(setup)
            let folder = cluster.folder
            let script = """
                cd \(folder) && umask 077 &&
                openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca &&
                openssl req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=127.0.0.1 &&
                printf 'subjectAltName=IP:127.0.0.1' > names &&
                openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 \
                -extfile names && openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 \
                -subj /CN=other && { [ "$(id -u)" != 0 ] || chown postgres server.key server.pem; }
                """
            let process = Process()
            process.executableURL = URL(filePath: "/bin/sh")
            process.arguments = ["-c", script]
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
            try cluster.sql("ALTER SYSTEM SET ssl_cert_file = '\(folder)/server.pem'")
            try cluster.sql("ALTER SYSTEM SET ssl_key_file = '\(folder)/server.key'")
            try cluster.sql("ALTER SYSTEM SET ssl = on")
            try cluster.restart()
            database = try cluster.makeDatabase()
            try setPassword("first")
        }

        func setPassword(_ text: String) throws {
            try cluster.sql("ALTER ROLE gate PASSWORD '\(text)'")
            try Data("\(text)\n".utf8).write(to: URL(filePath: password))
            try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: password)
        }

        func connect(_ parameters: String) throws -> PostgresConnection {
            let target = try PostgresTarget(
                url: cluster.networkURL(database) + "?" + parameters, passwordFile: password)
            return try PostgresConnection(to: target, by: .after(.seconds(10)))
        }
    }

    @Test func `is taken with the right authority only, and a password rotates without a restart`() async throws {
        let server = try Server()
        defer { server.cluster.remove() }
        let right = "sslmode=verify-full&sslrootcert=\(server.authority)"
        let connection = try server.connect(right)
        let isEncrypted = try connection.run("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            .first { try $0.flag() }
        #expect(isEncrypted == true)
        #expect(throws: PostgresFailure.self) {
            try server.connect("sslmode=verify-full&sslrootcert=\(server.cluster.folder)/other.pem")
        }
        #expect(throws: PostgresFailure.self) { try server.connect("sslmode=disable") }
        try server.setPassword("second")
        _ = try server.connect(right)
        try Data("wrong\n".utf8).write(to: URL(filePath: server.password))
        let failure = #expect(throws: PostgresFailure.self) { try server.connect(right) }
        #expect(failure?.description.contains("wrong\n") == false)
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: server.password)
        let open = #expect(throws: PostgresFailure.self) { try server.connect(right) }
        #expect(open?.description.contains("chmod 600") == true)
    }
}
