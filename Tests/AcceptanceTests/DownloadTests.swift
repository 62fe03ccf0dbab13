import Foundation
import GateCommand
import GateModel
import NIOPosix
import Testing

extension Acceptance {
    @Suite struct `While it runs` {
        @Test(.needs(.curl), .needs(.git), .needs(.torsocks))
        func `curl, torsocks and git work, and 200 parallel downloads finish`() async throws {
            try await RunningNetwork.with(hops: 2) { running in
                try await curl(running)
                try await torsocks(running)
                try await clone(running)
                try await parallel(running)
            }
        }

        private func curl(_ running: RunningNetwork) async throws {
            let user = running.network.user(hops: 2, isolate: "curl")
            let (socks, web, byteCount) = (running.network.origin.socks, running.web.endpoint, 1 << 20)
            let file = try Acceptance.folder()
            defer { file.remove() }
            let path = try #require(Tool.curl.path)
            let done = try await blocking {
                try ChildProcess.run(
                    path,
                    [
                        "-sS", "--socks5-hostname", "\(socks)", "-U", "\(user):x", "-o", "\(file.path)/file",
                        "http://\(web)/\(byteCount)",
                    ])
            }
            #expect(done.code == 0)
            let size = try FileManager.default.attributesOfItem(atPath: "\(file.path)/file")[.size] as? Int
            #expect(size == byteCount)
        }

        private func torsocks(_ running: RunningNetwork) async throws {
            let path = try #require(Tool.torsocks.path)
            let curl = try #require(Tool.curl.path)
            // torsocks leaves loopback alone, so the server is at another address of this machine.
            let address = try await blocking { try ChildProcess.run("/bin/hostname", ["-I"]).output }
            let host = try #require(address.split { $0.isWhitespace }.first { $0.contains(".") }.map(String.init))
            let web = try await DemoWebServer.start(group: MultiThreadedEventLoopGroup.singleton, host: host)
            let socks = running.network.origin.socks
            let user = running.network.user(hops: 2, isolate: "torsocks")
            let done = try await blocking {
                try ChildProcess.run(
                    path,
                    [
                        "-a", socks.host, "-P", "\(socks.port)", "-u", user, "-p", "x", curl, "-sS", "-o", "/dev/null",
                        "-w",
                        "%{size_download}\n", "http://\(web.endpoint)/1000",
                    ])
            }
            #expect(done.code == 0)
            #expect(done.output.contains("1000"))
            await web.stop()
        }

        private func clone(_ running: RunningNetwork) async throws {
            let git = try #require(Tool.git.path)
            let folder = try Acceptance.folder()
            defer { folder.remove() }
            let repository = try GitRepository(git: git, in: folder.path)
            defer { repository.stop() }
            let user = running.network.user(hops: 2, isolate: "git")
            let proxy = "socks5h://\(user):x@\(running.network.origin.socks)"
            let done = try await blocking {
                try ChildProcess.run(
                    git,
                    [
                        "-c", "http.proxy=\(proxy)", "clone", "-q",
                        "http://127.0.0.1:\(repository.port)/repository.git",
                        "\(folder.path)/clone",
                    ])
            }
            #expect(done.code == 0)
            #expect(FileManager.default.fileExists(atPath: "\(folder.path)/clone/file"))
        }

        private func parallel(_ running: RunningNetwork) async throws {
            let (count, byteCount) = (200, 64 << 10)
            let good = try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<count {
                    group.addTask {
                        try await running.downloadOnOwnThread(
                            hops: 2, isolate: "parallel-\(index % 8)", byteCount: byteCount)
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(good == count)
        }
    }
}

extension RunningNetwork {
    /// A download beside which many others run at the same time.
    func downloadOnOwnThread(hops: Int, isolate: String, byteCount: Int) async throws -> Bool {
        let download = network.download(hops: hops, isolate: isolate, from: web.endpoint, byteCount: byteCount)
        return try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result { try download.run().digest == DemoFile.digest(byteCount: byteCount) })
            }
        }
    }
}

/// A repository with one commit, served as files over HTTP.
struct GitRepository {
    let port: UInt16
    private let server: ChildProcess

    init(git: String, in folder: String) throws {
        let work = "\(folder)/work"
        let bare = "\(folder)/repository.git"
        let script = """
            set -e
            mkdir \(work); cd \(work); \(git) init -q; echo content > file; \(git) add file
            \(git) -c user.name=a -c user.email=a@example.org commit -q -m one
            \(git) clone -q --bare . \(bare); cd \(bare); \(git) update-server-info
            """
        guard try ChildProcess.run("/bin/sh", ["-c", script]).code == 0 else {
            throw DemoNode.Failure("no repository could be made")
        }
        port = FreePorts.bases(count: 1)[0] + 90
        server = try ChildProcess(
            "/usr/bin/env", ["python3", "-m", "http.server", "\(port)", "--bind", "127.0.0.1", "--directory", folder],
            errors: "/dev/null")
        let endpoint = Endpoint(host: "127.0.0.1", port: port)
        guard Acceptance.eventually(within: 10, { (try? BlockingSocket(to: endpoint)) != nil }) else {
            throw DemoNode.Failure("no web server for git")
        }
    }

    func stop() { server.stop(grace: 1) }
}
