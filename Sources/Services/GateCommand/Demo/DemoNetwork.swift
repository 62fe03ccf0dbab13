import Foundation
package import GateModel
import NIOPosix

/// An origin, relays and an exit on this machine, each a node with an identity, database and processes of its own.
///
/// Only the origin knows all others, by their signed records; relays and exit know nobody and let everybody in.
package final class DemoNetwork: Sendable {
    package let origin: DemoNode
    package let relays: [DemoNode]
    package let exit: DemoNode
    private let folder: String

    /// Relays that there are at least, so that there is a choice.
    private static let relayCountMin = 4

    package var nodes: [DemoNode] { [origin] + relays + [exit] }

    private init(origin: DemoNode, relays: [DemoNode], exit: DemoNode, folder: String) {
        self.origin = origin
        self.relays = relays
        self.exit = exit
        self.folder = folder
    }

    /// Makes and starts a network on which circuits of `hops` relays can be built with one relay missing.
    ///
    /// - Parameters:
    ///   - folder: Gets a folder per node; must exist.
    ///   - workers: Kernel workers of each node.
    ///   - host: The address that all peers listen on: `127.0.0.1` or `::1`.
    ///   - isPostQuantum: Whether the identities have ML-DSA keys.
    ///   - advertise: The address that a node tells others, by the one where it listens.
    ///   - say: Hears of progress, a line at a time.
    package static func start(
        hops: Int, in folder: String, programs: ProgramFolder, workers: Int = 1, host: String = "127.0.0.1",
        isPostQuantum: Bool = false, advertise: @escaping @Sendable (Endpoint) throws -> Endpoint = { $0 },
        say: @escaping @Sendable (String) -> Void
    ) async throws -> DemoNetwork {
        let relayCount = max(relayCountMin, hops + 1)
        let names = ["origin"] + (1...relayCount).map { "relay-\($0)" } + ["exit"]
        let bases = FreePorts.bases(count: names.count)
        guard bases.count == names.count else { throw DemoNode.Failure("there are not enough free ports") }
        say("making \(names.count) nodes: an origin, \(relayCount) relays, an exit")
        let nodes = try await each(Array(zip(names, bases))) { name, base in
            try DemoNode(
                name: name, below: folder, portBase: base, programs: programs, host: host,
                workers: workers, isPostQuantum: isPostQuantum, advertise: advertise)
        }
        let network = DemoNetwork(
            origin: nodes[0], relays: Array(nodes[1...relayCount]), exit: nodes[relayCount + 1], folder: folder)
        say("starting them: each a supervisor, a database service, a kernel and a socks5 extender")
        do {
            let cards = try await each(nodes) { node in
                try node.start()
                try node.set(network.settings(of: node))
                return node === network.origin ? "" : try node.card()
            }
            say("introducing relays and exit to the origin")
            for (node, card) in zip(nodes, cards) where node !== network.origin {
                if node === network.exit {
                    try network.origin.command("peers", "add", card, "--allow")
                } else {
                    try network.origin.command("peers", "add", card, "--allow", "--relay")
                }
            }
        } catch {
            await network.stop()
            throw error
        }
        return network
    }

    package func stop() async { _ = try? await DemoNetwork.each(nodes) { $0.stop() } }

    /// The SOCKS5 user name that takes the exit of this network over so many relays.
    package func user(hops: Int, isolate: String) -> String { "hops=\(hops),node=\(exit.uuid),isolate=\(isolate)" }

    /// A download through the origin.
    package func download(hops: Int, isolate: String, from target: Endpoint, byteCount: Int) -> SocksDownload {
        SocksDownload(
            proxy: origin.socks, user: user(hops: hops, isolate: isolate), target: target, byteCount: byteCount)
    }

    /// The node's name here, or the UUID of a stranger.
    package func name(of uuid: NodeUUID) -> String { nodes.first { $0.uuid == uuid }?.name ?? "\(uuid)" }

    private func settings(of node: DemoNode) -> [(key: String, value: String)] {
        // All nodes share the networks 127/16 and ::1/48, which paths otherwise keep apart.
        if node === origin { return [("relay.allow-private-addresses", "true")] }
        if node === exit {
            return [
                ("access.default", "allow"), ("access.anonymous", "true"), ("socks5.exit", "all"),
                ("socks5.exit-allow-private", "true"),
            ]
        }
        return [
            ("access.default", "allow"), ("relay.enabled", "true"), ("relay.allow-private-addresses", "true"),
        ]
    }

    /// Does blocking work for each element on threads that may wait, several at a time; results in order.
    static func each<Element: Sendable, Result: Sendable>(
        _ elements: [Element], _ body: @escaping @Sendable (Element) throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            for (index, element) in elements.enumerated() {
                group.addTask { (index, try await BlockingWork.run { try body(element) }) }
            }
            var results: [Int: Result] = [:]
            for try await (index, result) in group { results[index] = result }
            return elements.indices.compactMap { results[$0] }
        }
    }
}
