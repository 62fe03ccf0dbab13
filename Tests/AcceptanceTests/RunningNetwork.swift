import Foundation
import GateCommand
import GateModel
import NIOPosix

/// Nodes and a web server that the tests of one suite share, stopped when it is released.
final class RunningNetwork: Sendable {
    let network: DemoNetwork
    let web: DemoWebServer
    private let folder: DemoFolder

    private init(network: DemoNetwork, web: DemoWebServer, folder: DemoFolder) {
        self.network = network
        self.web = web
        self.folder = folder
    }

    /// Starts a network, gives it to `body`, and takes it down.
    ///
    /// - Parameter advertise: The address that a node tells others instead of its own.
    static func with(
        hops: Int, host: String = "127.0.0.1", isPostQuantum: Bool = false,
        advertise: @escaping @Sendable (Endpoint) throws -> Endpoint = { $0 },
        _ body: (RunningNetwork) async throws -> Void
    ) async throws {
        let folder = try DemoFolder()
        let network = try await DemoNetwork.start(
            hops: hops, in: folder.path, programs: Acceptance.programs, host: host, isPostQuantum: isPostQuantum,
            advertise: advertise, say: { _ in })
        let web = try await DemoWebServer.start(group: MultiThreadedEventLoopGroup.singleton)
        let running = RunningNetwork(network: network, web: web, folder: folder)
        do {
            try await body(running)
        } catch {
            await running.stop(keep: true)
            throw error
        }
        await running.stop(keep: false)
    }

    /// Fetches a file and compares it.
    func download(hops: Int, isolate: String, byteCount: Int) async throws -> Bool {
        let download = network.download(hops: hops, isolate: isolate, from: web.endpoint, byteCount: byteCount)
        let result = try await blocking { try download.run() }
        return result.digest == DemoFile.digest(byteCount: byteCount)
    }

    private func stop(keep: Bool) async {
        await network.stop()
        await web.stop()
        if !keep { folder.remove() }
    }
}

/// Two nodes as the README makes them: each with `init`, `node`, and the other's card.
final class TwoNodes: Sendable {
    let origin: DemoNode
    let exit: DemoNode
    let web: DemoWebServer
    let folder: DemoFolder

    private init(origin: DemoNode, exit: DemoNode, web: DemoWebServer, folder: DemoFolder) {
        (self.origin, self.exit, self.web, self.folder) = (origin, exit, web, folder)
    }

    /// - Parameter introduce: How the nodes learn of each other; by default each adds the other's card.
    static func with(
        host: String = "127.0.0.1",
        introduce: @escaping @Sendable (_ origin: DemoNode, _ exit: DemoNode) throws -> Void = { origin, exit in
            try origin.command("peers", "add", plainCard(of: exit))
            try exit.command("peers", "add", plainCard(of: origin))
        },
        _ body: (TwoNodes) async throws -> Void
    ) async throws {
        let folder = try DemoFolder()
        let bases = FreePorts.bases(count: 2)
        let (origin, exit) = try await blocking {
            let origin = try DemoNode(
                name: "origin", below: folder.path, portBase: bases[0], programs: Acceptance.programs, host: host)
            let exit = try DemoNode(
                name: "exit", below: folder.path, portBase: bases[1], programs: Acceptance.programs, host: host)
            try origin.start()
            try exit.start()
            try exit.set([("socks5.exit", "all"), ("socks5.exit-allow-private", "true")])
            try introduce(origin, exit)
            return (origin, exit)
        }
        let web = try await DemoWebServer.start(group: MultiThreadedEventLoopGroup.singleton)
        let nodes = TwoNodes(origin: origin, exit: exit, web: web, folder: folder)
        do {
            try await body(nodes)
        } catch {
            try await nodes.stop()
            throw error
        }
        try await nodes.stop()
        folder.remove()
    }

    /// What `card` prints.
    static func plainCard(of node: DemoNode) throws -> String {
        String(try node.command("card").split(separator: "\n").first ?? "")
    }

    /// A small download that soon gives up, to be tried again.
    func shortDownload() -> SocksDownload {
        var download = download(isolate: "short", byteCount: 100_000)
        download.patience = 3
        return download
    }

    /// A direct download from one node through the other.
    func download(from node: DemoNode? = nil, over exit: NodeUUID? = nil, isolate: String = "a", byteCount: Int)
        -> SocksDownload
    {
        SocksDownload(
            proxy: (node ?? origin).socks, user: "hops=0,node=\(exit ?? self.exit.uuid),isolate=\(isolate)",
            target: web.endpoint, byteCount: byteCount)
    }

    private func stop() async throws {
        try await blocking { [origin, exit] in
            origin.stop()
            exit.stop()
        }
        await web.stop()
    }
}

/// Does blocking work on a thread that may wait.
func blocking<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await BlockingWork.run(body)
}
