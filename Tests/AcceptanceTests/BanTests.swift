import Foundation
import GateCommand
import GateModel
import NIOPosix
import Testing

extension Acceptance {
    @Suite struct `A ban given on one worker` {
        /// Dials after the ban, so that every worker gets some.
        private static let dialCount = 8

        @Test func `acts on all within 1 s, and survives a restart of everything`() async throws {
            let folder = try DemoFolder()
            let nodes = try await blocking { try BannedNodes(below: folder.path) }
            let web = try await DemoWebServer.start(group: MultiThreadedEventLoopGroup.singleton)
            let outcome: Result<Void, any Error>
            do {
                try await blocking { try nodes.stream(from: web.endpoint) }
                try await blocking { try nodes.ban() }
                try await blocking { try nodes.expectRefusals(Self.dialCount, target: web.endpoint) }
                try await blocking { try nodes.restart() }
                try await blocking { try nodes.expectRefusals(Self.dialCount, target: web.endpoint) }
                let list = try await blocking { try nodes.exit.command("bans", "list") }
                #expect(list.contains("\(nodes.origin.uuid)") && list.contains("floods") && list.contains("operator"))
                try await blocking { [exit = nodes.exit] in
                    _ = try exit.command("bans", "lift", "\(nodes.origin.uuid)")
                }
                try await blocking { try nodes.stream(from: web.endpoint) }
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            await blockingEnd { nodes.stop() }
            await web.stop()
            try outcome.get()
            folder.remove()
        }

        private func blockingEnd(_ body: @escaping @Sendable () -> Void) async { try? await blocking(body) }
    }
}

/// A node, and an exit with two workers that share its address; each added the other's card.
private final class BannedNodes: Sendable {
    let origin: DemoNode
    let exit: DemoNode

    init(below folder: String) throws {
        let bases = FreePorts.bases(count: 2)
        origin = try DemoNode(name: "origin", below: folder, portBase: bases[0], programs: Acceptance.programs)
        exit = try DemoNode(
            name: "exit", below: folder, portBase: bases[1], programs: Acceptance.programs, workers: 2)
        try origin.start()
        try exit.start()
        try exit.set([("socks5.exit", "all"), ("socks5.exit-allow-private", "true")])
        try origin.command("peers", "add", TwoNodes.plainCard(of: exit))
        try exit.command("peers", "add", TwoNodes.plainCard(of: origin))
    }

    /// A small download from the origin over the exit.
    func stream(from target: Endpoint) throws {
        let isServed = Acceptance.eventually(within: 20) { (try? download(from: target).run())?.byteCount == 1000 }
        #expect(isServed)
    }

    /// Bans the origin at the exit, and measures until neither worker holds a session.
    func ban() throws {
        try exit.command("peers", "ban", "\(origin.uuid)", "--for", "1h", "--reason", "floods")
        let started = MonotonicSeconds.now()
        let isEmpty = try Acceptance.eventually(within: 5) {
            try [exit.kernelAdmin, exit.secondKernelAdmin].allSatisfy {
                try NodeObservation(admin: $0).sessionCount == 0
            }
        }
        #expect(isEmpty)
        #expect(MonotonicSeconds.now() - started < 1)
    }

    /// Dials as often; each is refused, and the status says that it is for the ban.
    func expectRefusals(_ count: Int, target: Endpoint) throws {
        for _ in 0..<count { #expect(throws: (any Error).self) { try download(from: target).run() } }
        let isShown = try Acceptance.eventually(within: 10) {
            let refusals = TwoNodes.refusals(in: try exit.command("status", "--json"))
            return refusals.contains("\(origin.uuid)") && refusals.contains("banned")
        }
        #expect(isShown)
    }

    /// Stops every process of the exit and starts them again.
    func restart() throws {
        exit.stop()
        try exit.start()
    }

    func stop() {
        origin.stop()
        exit.stop()
    }

    private func download(from target: Endpoint) -> SocksDownload {
        var download = SocksDownload(
            proxy: origin.socks, user: "hops=0,node=\(exit.uuid),isolate=a", target: target, byteCount: 1000)
        download.patience = 5
        return download
    }
}
