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
}
