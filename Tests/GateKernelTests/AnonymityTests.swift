import GateLink
import GateModel
import GateStore
import GateWire
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct AnonymousOrigins {
    /// Two nodes, the second of which takes anonymous sessions, with a replica of one extender at each.
    private func withOriginAndExit(
        _ body: @Sendable (KernelNode, ExtenderLink, KernelNode, ExtenderLink) async throws -> Void
    ) async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.set(NodeSettings.accessAnonymous.definition, "true")
            try await ExtenderLink.attached(to: near) { origin in
                try await ExtenderLink.attached(to: far) { exit in try await body(near, origin, far, exit) }
            }
        }
    }

    private func open(_ session: SessionID, id: StreamID, peer: PeerName) -> LinkStreamOpen {
        LinkStreamOpen(
            id: id, extender: KernelNode.extender, session: session, peer: peer, priority: .bulk, credit: 1024)
    }

    private func message(_ session: SessionID, id: UInt64) -> LinkFrame {
        .message(
            LinkMessage(
                id: id, extender: KernelNode.extender, session: session, wantsReceipt: true,
                payload: ByteBuffer(string: "hello")))
    }

    @Test func `name messages anew in every session; receipts find back`() async throws {
        try await withOriginAndExit { near, origin, far, exit in
            var seen: [StreamID] = []
            for (alias, isolation) in [(1, "a"), (3, "b")] as [(UInt32, String)] {
                let session = try await near.connect(to: far.uuid, anonymous: true, isolation: isolation).get()
                let own = StreamID(replica: UInt64(alias), counter: UInt64(1000 + alias))
                try await origin.send(.streamOpen(alias: alias, open(session, id: own, peer: .node(far.uuid))))
                seen.append(try await exit.next { if case .streamOpen(_, let open) = $0 { open.id } else { nil } })
                try await origin.send(message(session, id: 0xabcd))
                let name = try await exit.next { if case .message(let message) = $0 { message.id } else { nil } }
                #expect(name == 1)
                let answer = LinkReceipt(id: name, session: session, status: .delivered)
                try await exit.send(.receipt(answer))
                let receipt = try await origin.next { frame -> LinkReceipt? in
                    if case .receipt(let receipt) = frame, receipt.status == .delivered { receipt } else { nil }
                }
                #expect(receipt.id == 0xabcd)
                #expect(receipt.session == session)
            }
            #expect(seen == [StreamID(replica: 1, counter: 1001), StreamID(replica: 3, counter: 1003)])
        }
    }

    @Test func `show no peer a name of streams that another session has`() async throws {
        try await withOriginAndExit { near, origin, far, exit in
            let first = try await near.connect(to: far.uuid, anonymous: true, isolation: "a").get()
            let ids = ([(7, 1), (7, 2), (8, 1)] as [(UInt64, UInt64)]).map { StreamID(replica: $0, counter: $1) }
            try await origin.send(.streamOpen(alias: 1, open(first, id: ids[0], peer: .node(far.uuid))))
            let seen = try await exit.next { if case .streamOpen(_, let open) = $0 { open.id } else { nil } }
            #expect(seen == ids[0])

            let second = try await near.connect(to: far.uuid, anonymous: true, isolation: "b").get()
            try await origin.send(.streamOpen(alias: 3, open(second, id: ids[1], peer: .node(far.uuid))))
            let refusal = try await origin.next { if case .streamReset(3, let code) = $0 { code } else { nil } }
            #expect(refusal == StreamResetCode.refused.rawValue)
            try await origin.send(.streamOpen(alias: 5, open(second, id: ids[2], peer: .node(far.uuid))))
            let next = try await exit.next { if case .streamOpen(_, let open) = $0 { open.id } else { nil } }
            #expect(next == ids[2])
        }
    }

    @Test func `forget the oldest names of streams beyond the bound`() {
        var names = StreamNames()
        let (one, two) = (SessionID(UUIDBytes(high: 1, low: 1)), SessionID(UUIDBytes(high: 1, low: 2)))
        let first = [names.admits(0, for: one), names.admits(0, for: two), names.admits(0, for: one)]
        #expect(first == [true, false, true])
        for half in 1..<UInt64(StreamNames.countMax) { _ = names.admits(half, for: one) }
        let before = names.admits(0, for: two)
        #expect(!before)
        _ = names.admits(.max, for: one)
        let after = names.admits(0, for: two)
        #expect(after)
    }

    @Test func `tell nothing of their extenders, and let in only those that spoke first`() async throws {
        try await withOriginAndExit { near, origin, far, exit in
            let session = try await near.connect(to: far.uuid, anonymous: true).get()
            try await far.holds(1)
            let id = StreamID(replica: 1, counter: 1)
            try await exit.send(.streamOpen(alias: 1, open(session, id: id, peer: .anonymous)))
            let refusal = try await exit.next { if case .streamReset(1, let code) = $0 { code } else { nil } }
            #expect(refusal == StreamResetCode.noSuchExtender.rawValue)

            near.kernel.kernel.announceExtenders()
            try await origin.send(message(session, id: 5))
            _ = try await exit.next { if case .message(let message) = $0 { message.id } else { nil } }
            let endpoint = try #require(far.kernel.kernel.session(session))
            #expect(try await endpoint.eventLoop.submit { endpoint.extenders }.get() == [])

            try await exit.send(.streamOpen(alias: 3, open(session, id: id, peer: .anonymous)))
            let opened = try await origin.next { if case .streamOpen(_, let open) = $0 { open.session } else { nil } }
            #expect(opened == session)
        }
    }

    @Test func `forget receipts that nobody can wait for any more`() {
        final class Sender {}
        let (one, two) = (Sender(), Sender())
        var names = SessionNames<Sender>()
        let first = names.message(70, from: one, wantsReceipt: true)
        let second = names.message(71, from: one, wantsReceipt: true)
        let third = names.message(72, from: two, wantsReceipt: true)
        let silent = names.message(73, from: two, wantsReceipt: false)
        #expect([first, second, third, silent] == [1, 2, 3, 4])
        #expect(names.receipted(first)?.id == 70)
        #expect(names.receipted(first) == nil)
        #expect(names.receipted(silent) == nil)
        names.forget(one)
        #expect(names.receipted(second) == nil)
        for _ in 4..<(3 + SessionNames<Sender>.receiptWindow) {
            _ = names.message(0, from: one, wantsReceipt: false)
        }
        #expect(names.receipted(third) == nil)
    }
}
