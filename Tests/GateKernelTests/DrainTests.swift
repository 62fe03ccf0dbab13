import GateLink
import GateModel
import GateStore
import GateTestKit
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct DrainingWorkers {
    private func pair(_ nodes: [KernelNode]) async throws -> (KernelNode, KernelNode) {
        try await nodes[0].know(nodes[1])
        try await nodes[1].know(nodes[0])
        return (nodes[0], nodes[1])
    }

    private func drains(_ node: KernelNode, _ isDraining: Bool) async throws {
        try await node.store.setDraining("kernel-1", isDraining)
        while node.kernel.host.gate.isDraining != isDraining { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func `let idle sessions go and take no new ones, until they are told to drain no more`(host: String) async throws {
        try await withKernels(2, at: host) { nodes in
            let (near, far) = try await pair(nodes)
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            #expect(far.kernel.unreadiness() == nil)
            try await drains(far, true)
            #expect(far.kernel.unreadiness() == "draining")
            try await far.holds(0)
            try await near.holds(0)
            // Turned away at the gate, until the listener is closed a moment later.
            while await near.connect(to: far.uuid).failure?.code == .notAccepted {}
            let refused = await near.connect(to: far.uuid).failure
            #expect(refused?.code == .unreachable)
            #expect(await far.connect(to: near.uuid).failure?.code == .overloaded)
            try await drains(far, false)
            #expect(far.kernel.unreadiness() == nil)
            while await near.connect(to: far.uuid).failure != nil { try await Task.sleep(for: .milliseconds(20)) }
            try await far.holds(1)
        }
    }

    @Test func `keep sessions that streams use, and tell their extenders`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = try await pair(nodes)
            try await ExtenderLink.attached(to: near) { opener in
                try await ExtenderLink.attached(to: far) { taker in
                    let session = try await near.connect(to: far.uuid).get()
                    try await opener.send(
                        .streamOpen(
                            alias: 1,
                            LinkStreamOpen(
                                id: StreamID(replica: 7, counter: 1), extender: KernelNode.extender, session: session,
                                peer: .node(far.uuid), priority: .bulk, credit: 65_536)))
                    let alias: UInt32 = try await taker.next {
                        if case .streamOpen(let alias, _) = $0 { alias } else { nil }
                    }
                    try await drains(far, true)
                    _ = try await taker.next { $0 == .drain ? true : nil }
                    await far.kernel.drain.moveOn()
                    try await opener.send(.streamData(alias: 1, ByteBuffer(string: "still here")))
                    let bytes: ByteBuffer = try await taker.next {
                        if case .streamData(alias, let bytes) = $0 { bytes } else { nil }
                    }
                    #expect(String(buffer: bytes) == "still here")
                    try await opener.send(.streamReset(alias: 1, code: StreamResetCode.cancelled.rawValue))
                    try await far.holds(0)
                }
            }
        }
    }

    @Test func `that are stopped say goodbye to their peers, then sign off in the database`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = try await pair(nodes)
            _ = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            while await far.store.sessions(after: nil, limit: 10).isEmpty {
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(await far.store.workers().count == 1)
            await far.stop()
            try await near.holds(0)
            #expect(await far.store.workers().isEmpty)
            #expect(await far.store.sessions(after: nil, limit: 10).isEmpty)
            let refused = await near.connect(to: far.uuid).failure
            #expect(refused?.code == .unreachable)
        }
    }

    @Test func `that are stopped take no peers again, whatever a late answer says, and register no more`() async throws
    {
        try await withKernels(1) { nodes in
            let kernel = nodes[0].kernel
            await kernel.drain.stop()
            await kernel.drain.set(false)
            #expect(kernel.host.gate.isDraining)
            await nodes[0].stop()
            // The lease is given back; a renewal that comes now finds it lost.
            await kernel.registry.renew()
            #expect(await nodes[0].store.workers().isEmpty)
        }
    }

    @Test func `that lose their lease drain on, and their new row says so`() async throws {
        try await withKernels(1) { nodes in
            let node = nodes[0]
            try await drains(node, true)
            let row = node.kernel.registry.row
            await node.store.removeWorker(row.registration.name, epoch: row.epoch)
            await node.kernel.registry.renew()
            while await node.store.workers().first?.isDraining != true { try await Task.sleep(for: .milliseconds(5)) }
            await node.kernel.registry.renew()
            #expect(node.kernel.host.gate.isDraining)
            try await drains(node, false)
        }
    }

    @Test func `move no session before it is written down`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (near, far) = try await pair(nodes)
            let other = try await far.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))
            _ = try await near.store.editPeer(
                far.uuid, PeerEdit(endpoints: [try far.endpoint, try other.endpoint]))
            await far.store.answerAboutSessions(.none)
            let id = try await near.connect(to: far.uuid).get()
            try await far.holds(1)
            try await drains(far, true)
            for _ in 0..<3 { await far.kernel.drain.moveOn() }
            let session = try await far.session(id, epoch: 0)
            try await session.eventLoop.submit {}.get()
            #expect(far.kernel.kernel.session(id) === session, "it waits")
            await far.store.answerAboutSessions(.all)
            _ = try await other.session(id, epoch: 1)
            _ = try await near.session(id, epoch: 1)
            await other.stop()
        }
    }
}
