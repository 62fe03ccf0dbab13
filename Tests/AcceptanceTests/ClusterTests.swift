import Foundation
import GateCommand
import GateTestKit
import Testing

extension Acceptance {
    /// A node of three workers, peers that stream through an extender of it, and faults: `bench soak` compares every byte
    /// and measures pauses at the peers.
    @Suite struct `Workers that die and drain` {
        /// As many as are asked for with optimised programs; debug ones take most of their time for handshakes.
        private static let peers = Acceptance.isOptimised ? 200 : 20
        private static let pauseMax = 2.0

        @Test func `kill -9 of a kernel worker out of three, and a drain, lose and repeat no byte`() async throws {
            let figures = try await soak(["--peers", "\(Self.peers)", "--faults", "kill", "drain", "--rounds", "1"])
            for fault in ["kill", "drain"] {
                let pause = try #require(figures["soak.pause.\(fault)"])
                #expect(pause.value < Self.pauseMax, "p99 of the pause")
                #expect((pause.detail["streams_moved"] ?? 0) > 0, "the fault met somebody")
            }
        }

        @Test func `a worker that is stopped beyond its lease and wakes up has no effect`() async throws {
            let figures = try await soak(["--peers", "12", "--faults", "pause", "--rounds", "2"])
            #expect((figures["soak.pause.pause"]?.detail["streams_moved"] ?? 0) > 0, "the fault met somebody")
        }

        @Test func `workers of two protocol versions serve side by side while one after the other changes`()
            async throws
        {
            let figures = try await soak(["--peers", "24", "--faults", "upgrade", "--rounds", "4"])
            let upgrade = try #require(figures["soak.pause.upgrade"])
            #expect(upgrade.value < Self.pauseMax, "p99 of the pause")
            #expect((upgrade.detail["versions_side_by_side"] ?? 0) > 0, "both versions were spoken at one moment")
        }

        @Test func `kill -9 of a replica resets its own streams within 2 s and touches no other`() async throws {
            let figures = try await soak(["--peers", "24", "--replicas", "3", "--faults", "replica", "--rounds", "1"])
            let ended = try #require(figures["soak.pause.replica"])
            #expect(ended.value < Self.pauseMax, "until the last of its streams was reset")
            let count = ended.detail["streams_moved"] ?? 0
            #expect(count > 0 && count < 24, "the replicas share the streams")
        }

        @Test func `kill -9 of the database service leaves all streams alone`() async throws {
            let figures = try await soak(["--peers", "12", "--faults", "database", "kill", "--rounds", "1"])
            #expect(try #require(figures["soak.pause.database"]).value < Self.pauseMax)
        }

        @Test(.needsPostgreSQL)
        func `PostgreSQL that restarts or is away leaves all streams alone`() async throws {
            let cluster = try PostgresCluster()
            defer { cluster.remove() }
            let url = cluster.url(try cluster.makeDatabase())
            let folder = try Acceptance.folder()
            defer { folder.remove() }
            let control = try Self.control(of: cluster)
            let hook = try Self.hook(
                [
                    "\(control) restart -m immediate", "sleep 3", "\(control) stop -m fast",
                    "sleep \(Acceptance.isOptimised ? 60 : 5)", "\(control) start",
                ], in: folder.path)
            let figures = try await soak(
                ["--peers", "12", "--faults", "hook", "kill", "--rounds", "1", "--database", url, "--hook", hook])
            #expect(try #require(figures["soak.pause.hook"]).value < Self.pauseMax)
            #expect((figures["soak.pause.kill"]?.detail["streams_moved"] ?? 0) > 0, "the node caught up")
        }

        @Test(.needsPostgreSQL)
        func `PostgreSQL that fails over to a promoted standby leaves all streams alone`() async throws {
            let primary = try PostgresCluster()
            defer { primary.remove() }
            let database = try primary.makeDatabase()
            let standby = try primary.standby()
            defer { standby.remove() }
            let folder = try Acceptance.folder()
            defer { folder.remove() }
            let hook = try Self.hook(
                ["\(Self.control(of: primary)) stop -m immediate", "\(Self.control(of: standby)) promote"],
                in: folder.path)
            let url = "postgresql://gate@127.0.0.1:\(primary.port),127.0.0.1:\(standby.port)/\(database)"
            let figures = try await soak(
                ["--peers", "12", "--faults", "hook", "kill", "--rounds", "1", "--database", url, "--hook", hook])
            #expect(try #require(figures["soak.pause.hook"]).value < Self.pauseMax)
            #expect((figures["soak.pause.kill"]?.detail["streams_moved"] ?? 0) > 0, "sessions go on after it")
        }

        /// The command line that controls a server.
        private static func control(of cluster: PostgresCluster) throws -> String {
            let user = geteuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --init-groups " : ""
            return "\(user)\(try PostgresCluster.installed())/pg_ctl -w -D \(cluster.data)"
        }

        /// A program that runs these commands, one after the other.
        private static func hook(_ commands: [String], in folder: String) throws -> String {
            let path = "\(folder)/hook"
            let script = (["#!/bin/sh", "set -e", "cd /", "exec >/dev/null 2>&1"] + commands).joined(separator: "\n")
            try script.write(toFile: path, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
            return path
        }

        /// The figures of a soak in which every stream came to its end with just what was sent.
        private func soak(_ arguments: [String]) async throws -> [String: BenchRun.Figure] {
            let figures = try await BenchRun.figures(of: ["soak", "--workers", "3"] + arguments)
            #expect(figures["soak.failed"]?.value == 0)
            return figures
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips where PostgreSQL is missing, and says what brings it; with `CI=true` the test fails instead.
    static var needsPostgreSQL: Self {
        .enabled(if: PostgresCluster.isExpected, "sudo apt-get install -y postgresql")
    }
}
