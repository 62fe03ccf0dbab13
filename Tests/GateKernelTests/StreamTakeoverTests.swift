import GateExtenderKit
import GateLink
import GateLinkStore
import GateModel
import GateStore
import GateTestKit
import GateWire
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(2))) struct StreamsOfTakenOverSessions {
    /// Echoes of this many bytes, both ways at once.
    private static let byteCount = 6 << 20

    @Test func `lose and repeat no byte, however often the connection breaks`() async throws {
        try await withTakeover { cluster in
            let session = try await cluster.session()
            async let echoed = cluster.echo(Self.byteCount, over: session)
            for epoch: SessionEpoch in 1...6 {
                try await Task.sleep(for: .milliseconds(60))
                cluster.forwarder.cut(both: epoch % 2 == 0)
                try await cluster.stands(at: epoch, on: cluster.first)
            }
            #expect(try await echoed)
            #expect(cluster.home.seen(.suspended) >= 1 && cluster.home.seen(.resumed) == cluster.home.seen(.suspended))
        }
    }

    @Test func `go on at another worker, and nothing that the stale one says has effect`() async throws {
        try await withTakeover { cluster in
            let session = try await cluster.session()
            async let echoed = cluster.echo(Self.byteCount, over: session)
            try await Task.sleep(for: .milliseconds(60))
            let stale = try #require(cluster.first.kernel.kernel.session(session.id))
            cluster.forwarder.turn(to: try cluster.second.endpoint)
            cluster.forwarder.cut(both: false)
            try await cluster.stands(at: 1, on: cluster.second)
            // The first worker does not know, and has more of the peer's bytes in its hands.
            try await stale.eventLoop.submit {
                for alias: UInt32 in 1...4 {
                    stale.received(.streamData(alias: alias, ByteBuffer(string: "stale")))
                    stale.received(.streamReset(alias: alias, code: 1))
                }
                stale.received(
                    .message(
                        ExtenderMessage(extender: KernelNode.extender, id: 1, payload: ByteBuffer(string: "stale"))))
                stale.batchEnded()
            }.get()
            #expect(try await echoed)
            #expect(cluster.far.messageCount == 0)
            #expect(cluster.home.seen(.disconnected) == 0 && cluster.far.seen(.disconnected) == 0)
        }
    }

    @Test func `lose and repeat no byte while keys are replaced, and go on at another connection after that`()
        async throws
    {
        try await withTakeover { cluster in
            for node in [cluster.near, cluster.first] { try await node.set(NodeSettings.keyVolume, 1 << 20) }
            let session = try await cluster.session()
            while try await cluster.keyEpochs().contains(where: { $0 < 2 }) {
                #expect(try await cluster.echo(1 << 20, over: session))
            }
            cluster.forwarder.cut(both: true)
            try await cluster.stands(at: 1, on: cluster.first)
            #expect(try await cluster.keyEpochs() == [0, 0], "the keys of another handshake")
            #expect(try await cluster.echo(1 << 20, over: session))
            #expect(cluster.home.seen(.disconnected) == 0 && cluster.far.seen(.disconnected) == 0)
        }
    }

    @Test func `that are opened while no worker has the session wait for it`() async throws {
        try await withTakeover { cluster in
            let session = try await cluster.session()
            cluster.forwarder.cut(both: true)
            #expect(try await cluster.echo(100_000, over: session))
            #expect(try await cluster.echo(100_000, over: session))
        }
    }

    @Test func `hundreds at once go on`() async throws {
        try await withTakeover { cluster in
            let session = try await cluster.session()
            async let broken: Void = {
                for epoch: SessionEpoch in 1...3 {
                    try await Task.sleep(for: .milliseconds(100))
                    cluster.forwarder.cut(both: epoch % 2 == 0)
                    try await cluster.stands(at: epoch, on: cluster.first)
                }
            }()
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                for _ in 0..<200 { tasks.addTask { try await cluster.echo(60_000, over: session) } }
                for try await isWhole in tasks { #expect(isWhole) }
            }
            try await broken
        }
    }
}

/// A node with one worker and a node with two, behind a forwarder, with a replica of one extender at each node.
private struct Takeover: Sendable {
    let near: KernelNode
    let first: KernelNode
    let second: KernelNode
    let forwarder: Forwarder
    let home: WitnessExtender
    let far: WitnessExtender
    let replica: ExtenderService

    /// The session between the two nodes, as the near replica has it.
    func session() async throws -> PeerSession {
        let id = try await near.connect(to: first.uuid).get()
        while true {
            if let held = await first.store.heldSession(id), !held.secret.isEmpty,
                let session = replica.sessions.first(where: { $0.id == id })
            {
                return session
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func stands(at epoch: SessionEpoch, on worker: KernelNode) async throws {
        while worker.kernel.kernel.sessions.first?.epoch != epoch || near.kernel.kernel.sessions.first?.epoch != epoch {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The epochs of the keys at both ends.
    func keyEpochs() async throws -> [UInt32] {
        var epochs: [UInt32] = []
        for node in [near, first] {
            let session = try #require(node.kernel.kernel.sessions.first)
            epochs.append(try await session.eventLoop.submit { session.keyEpoch }.get())
        }
        return epochs
    }

    /// Whether an echo comes back whole, in order and once.
    func echo(_ byteCount: Int, over session: PeerSession) async throws -> Bool {
        try await session.echoes(byteCount)
    }
}

private func withTakeover(_ body: @Sendable @escaping (Takeover) async throws -> Void) async throws {
    try await withKernels(2, resumes: true) { nodes in
        let (near, first) = (nodes[0], nodes[1])
        let second = try await first.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))
        let forwarder = try await Forwarder.start(to: try first.endpoint)
        _ = try await near.store.editPeer(
            first.uuid, PeerEdit(endpoints: [forwarder.endpoint], access: .allowed))
        try await near.kernel.feed.fill()
        try await first.know(near)
        try await second.kernel.feed.fill()
        let (home, far) = (WitnessExtender(), WitnessExtender())
        let replicas = [
            try await home.replica(at: near, workers: [near]),
            try await far.replica(at: first, workers: [first, second]),
        ]
        let cluster = Takeover(
            near: near, first: first, second: second, forwarder: forwarder, home: home, far: far, replica: replicas[0])
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for replica in replicas { tasks.addTask { try await replica.run() } }
            defer { tasks.cancelAll() }
            while replicas[0].attachedWorkers.isEmpty || replicas[1].attachedWorkers.count < 2 {
                try await Task.sleep(for: .milliseconds(5))
            }
            try await body(cluster)
        }
        try await forwarder.stop()
        await second.stop()
    }
}
