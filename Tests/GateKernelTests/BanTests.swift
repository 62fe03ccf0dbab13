import GateAccess
import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import GateTestKit
import GateTransport
import GateWire
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct BansOnAllWorkers {
    /// How long a ban may take to act on every worker.
    private static let promise = Duration.seconds(1)

    /// Two workers of one node, and two of another that each hold a session with one of them.
    private struct Nodes {
        let workers: [KernelNode]
        let peers: [KernelNode]
        let group: MultiThreadedEventLoopGroup
        let resumes: Bool

        var subject: AccessSubject { .node(peers[0].uuid) }

        /// Waits until no worker holds a session any more, and tells how long that took; then until the peers know it.
        func emptied() async throws -> Duration {
            let start = ContinuousClock.now
            for worker in workers { try await worker.holds(0) }
            let length = ContinuousClock.now - start
            // Who still has a session would not dial.
            for peer in peers { try await peer.holds(0) }
            return length
        }

        /// What the peer says over its session with the first worker.
        func say(_ message: SessionMessage) throws {
            let session = try #require(peers[0].kernel.kernel.session(with: workers[0].uuid))
            session.eventLoop.execute {
                session.enqueue(message)
                session.flush()
            }
        }

        /// The workers as they are after a restart, over the same store.
        func restarted() async throws -> [KernelNode] {
            for worker in workers { await worker.stop() }
            return [
                try await KernelNode.start(
                    1, named: "kernel-1", over: workers[0].store, resumes: resumes, group: group),
                try await KernelNode.start(
                    1, named: "kernel-2", over: workers[0].store, resumes: resumes, group: group),
            ]
        }
    }

    private func withNodes(
        resumes: Bool = false, _ body: @Sendable (Nodes) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let worker = try await KernelNode.start(1, resumes: resumes, group: group)
        let workers = [
            worker,
            try await KernelNode.start(
                1, named: "kernel-2", over: worker.store, resumes: resumes, group: group),
        ]
        var peers: [KernelNode] = []
        for one in workers {
            let peer = try await KernelNode.start(2, resumes: resumes, group: group)
            try await peer.know(one)
            peers.append(peer)
        }
        _ = try await worker.store.editPeer(peers[0].uuid, PeerEdit(access: .allowed))
        for one in workers { try await one.kernel.feed.fill() }
        for (peer, one) in zip(peers, workers) {
            _ = try await peer.connect(to: one.uuid).get()
            try await one.holds(1)
        }
        let nodes = Nodes(workers: workers, peers: peers, group: group, resumes: resumes)
        let outcome: Result<Void, any Error>
        do {
            try await body(nodes)
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        for node in workers + peers { await node.stop() }
        try await group.shutdownGracefully()
        try outcome.get()
    }

    @Test(arguments: [false, true])
    func `an operator's ban closes and refuses on each within a second, until it is lifted`(resumes: Bool) async throws
    {
        try await withNodes(resumes: resumes) { nodes in
            let store = nodes.workers[0].store
            _ = try await store.setBan(BanOrder(subject: nodes.subject, reason: "floods"), by: "operator")
            #expect(try await nodes.emptied() < Self.promise)
            #expect(nodes.workers.allSatisfy { $0.kernel.kernel.suspendedSessions.isEmpty })
            for (peer, worker) in zip(nodes.peers, nodes.workers) {
                #expect(await peer.connect(to: worker.uuid).failure?.code == .notAccepted)
            }
            let row = try await nodes.workers[0].refused("banned")
            #expect(row.node == nodes.peers[0].uuid)
            try await store.liftBan(of: nodes.subject)
            for (peer, worker) in zip(nodes.peers, nodes.workers) {
                while await peer.connect(to: worker.uuid).failure != nil {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
    }

    @Test(arguments: [false, true])
    func `one earned by breaking the protocol on one worker does, and outlives a restart`(resumes: Bool) async throws {
        try await withNodes(resumes: resumes) { nodes in
            // No correct node gives credit for nothing.
            try nodes.say(.circuitCredit(circuit: 2, cells: 0))
            #expect(try await nodes.emptied() < Self.promise)
            #expect(nodes.workers.allSatisfy { $0.kernel.kernel.suspendedSessions.isEmpty })
            let ban = try #require(await nodes.workers[0].store.ban(of: nodes.subject))
            #expect(ban.isEarned)
            #expect(await nodes.workers[0].store.lowReputations(after: nil, limit: 9).map(\.score) == [-100])
            let restarted = try await nodes.restarted()
            for (peer, worker) in zip(nodes.peers, restarted) {
                _ = try await peer.store.editPeer(worker.uuid, PeerEdit(endpoints: [try worker.endpoint]))
                #expect(await peer.connect(to: worker.uuid).failure?.code == .notAccepted)
                #expect(worker.kernel.kernel.sessionCount == 0)
            }
            _ = try await restarted[0].refused("banned")
            for worker in restarted { await worker.stop() }
        }
    }

    @Test func `one ends sessions whose ways are broken and that could come back`() async throws {
        try await withNodes(resumes: true) { nodes in
            let worker = nodes.workers[0]
            let session = try #require(worker.kernel.kernel.sessions.first)
            try await session.eventLoop.submit { worker.kernel.kernel.suspended(session) }.get()
            #expect(worker.kernel.kernel.suspendedSessions.count == 1)
            _ = try await worker.store.setBan(BanOrder(subject: nodes.subject), by: "operator")
            while !worker.kernel.kernel.suspendedSessions.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        }
    }

    @Test func `one of an address does, too`() async throws {
        try await withNodes { nodes in
            let block = try #require(AddressBlock(text: "127.0.0.0/8"))
            let store = nodes.workers[0].store
            _ = try await store.setBan(BanOrder(subject: .block(block), length: .seconds(3600)), by: "operator")
            #expect(try await nodes.emptied() < Self.promise)
            for (peer, worker) in zip(nodes.peers, nodes.workers) {
                #expect(await peer.connect(to: worker.uuid).failure?.code == .notAccepted)
            }
            _ = try await nodes.workers[0].refused("address is banned")
        }
    }

    @Test func `one ends by itself`() async throws {
        try await withNodes { nodes in
            let store = nodes.workers[0].store
            _ = try await store.setBan(BanOrder(subject: nodes.subject, length: .seconds(2)), by: "operator")
            #expect(try await nodes.emptied() < Self.promise)
            while await nodes.peers[1].connect(to: nodes.workers[1].uuid).failure != nil {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    @Test func `earned ones have no effect while reputation is off; given ones have`() async throws {
        try await withNodes { nodes in
            let store = nodes.workers[0].store
            for worker in nodes.workers {
                try await worker.set(NodeSettings.reputationEnabled.definition, "false")
            }
            try nodes.say(.circuitCredit(circuit: 2, cells: 0))
            for node in [nodes.workers[0], nodes.peers[0]] { try await node.holds(0) }
            _ = try await nodes.peers[0].connect(to: nodes.workers[0].uuid).get()
            try await nodes.workers[0].holds(1)
            #expect(await store.ban(of: nodes.subject) == nil)
            try await store.noteCharges([ReputationCharge(subject: nodes.subject, points: 200)])
            #expect(await store.ban(of: nodes.subject)?.isEarned == true)
            try await nodes.workers[0].kernel.feed.fill()
            #expect(nodes.workers[0].kernel.kernel.sessionCount == 1)
            _ = try await store.setBan(BanOrder(subject: nodes.subject), by: "operator")
            _ = try await nodes.emptied()
        }
    }
}

@Suite struct FaultsOfSessions {
    private let node = NodeUUID(UUIDBytes(high: 1, low: 1))
    private let address = IPAddress.v6(0x2001_0db8_0001_0002, 7)

    @Test func `cost a node that has proven itself, wherever it comes from`() {
        for address in [nil, address] {
            #expect(SessionFault(.protocolViolation, by: .node(node), from: address)?.subject == .node(node))
            #expect(SessionFault(.protocolViolation, by: .node(node), from: address)?.fault == .severe)
            #expect(SessionFault(.limitExceeded, by: .node(node), from: address)?.fault == .moderate)
        }
    }

    @Test func `cost the address of who has not, lightly, and over a circuit nobody`() {
        let fault = SessionFault(.protocolViolation, by: .anonymous, from: address)
        #expect(fault?.subject.description == "2001:db8:1:2::/64")
        #expect(fault?.fault == .minor)
        #expect(SessionFault(.limitExceeded, by: .anonymous, from: address)?.fault == .minor)
        #expect(SessionFault(.protocolViolation, by: .anonymous, from: nil) == nil)
        #expect(SessionFault(.protocolViolation, by: .anonymous, from: .v4(0x7f00_0001)) == nil)
    }

    @Test(arguments: [
        SessionFailure.unintelligible, .handshakeFailed, .noCommonVersion, .certificateRefused, .notAdmitted,
        .noCommonSuite(offered: SuiteOffers([2, 2, 2]), taken: SuiteOffers([4, 2, 2])), .puzzleUnsolved,
        .puzzleTooHard(effort: 21),
        .handshakeTimedOut, .recordRefused, .idle, .keyUpdateTimedOut, .closedByPeer(.protocolViolation),
        .closed(.protocolViolation),
    ])
    func `cost nothing where the fault is not inside a record that authenticated`(failure: SessionFailure) {
        #expect(!failure.isAuthenticated)
        #expect(SessionFault(failure, by: .node(node), from: address) == nil)
        #expect(SessionFault(failure, by: .anonymous, from: address) == nil)
    }
}

@Suite struct ChargesThatWait {
    private let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

    private func subject(_ number: UInt64) -> AccessSubject { .node(NodeUUID(UUIDBytes(high: number, low: 1))) }

    /// How many of the first 20,000 subjects were charged.
    private func chargedCount(in store: MemoryStore) async throws -> Int {
        var count = 0
        for start in stride(from: UInt64(0), to: 20_000, by: StoreLimit.pageRows) {
            count += try await store.reputations(of: (start..<start + UInt64(StoreLimit.pageRows)).map(subject)).count
        }
        return count
    }

    @Test func `are written in batches, those of one subject as one`() async throws {
        let store = MemoryStore(clock: ManualStoreClock().read)
        let ledger = ChargeLedger(store: store, logger: logger)
        for number in 1...1500 as ClosedRange<UInt64> { ledger.charge(subject(number), points: 20) }
        ledger.charge(subject(7), points: 5)
        await ledger.write()
        #expect(try await chargedCount(in: store) == 1500)
        #expect(try await store.reputations(of: [subject(7)]).first?.score == 75)
        await ledger.write()
        #expect(try await store.reputations(of: [subject(7)]).first?.score == 75)
    }

    @Test func `are bounded`() async throws {
        let store = MemoryStore(clock: ManualStoreClock().read)
        let ledger = ChargeLedger(store: store, logger: logger)
        for number in 0..<20_000 as Range<UInt64> { ledger.charge(subject(number), points: 1) }
        for _ in 0..<10 { ledger.charge(subject(1), points: 3000) }
        ledger.charge(subject(30_000), points: 3000)
        await ledger.write()
        #expect(try await chargedCount(in: store) == ChargeLedger.subjectsMax)
    }
}
