import GateLink
import GateModel
import GateWire
import NIOCore
import Testing

@testable import GateKernel
@testable import GateSession

@Suite(.timeLimit(.minutes(1))) struct Messages {
    @Test func `have one bound on links and in sessions`() {
        #expect(WireLimits.messageBytesMax == LinkLimits.payloadBytesMax)
        #expect(LinkLimits.payloadBytesMax + LinkLimits.payloadHeaderBytesMax + 7 == LinkLimits.frameBytesMax)
    }

    @Test func `up to the bound arrive, a longer one is refused, and link and session go on`() async throws {
        try await withReplicas { sender, receiver, session in
            let most = StreamLimits.messageBytesMax
            for (id, count) in [(1, most - 1), (2, most + 1), (3, most)] as [(UInt64, Int)] {
                let payload = ByteBuffer(repeating: 7, count: count)
                try await sender.send(
                    .message(
                        LinkMessage(
                            id: id, extender: KernelNode.extender, session: session, wantsReceipt: true,
                            payload: payload)))
            }
            let receipts = try await [next(of: sender), next(of: sender), next(of: sender)]
            #expect(receipts.map(\.status) == [.queued, .refused, .queued])
            for (name, count) in [(1, most - 1), (2, most)] as [(UInt64, Int)] {
                let message: LinkMessage = try await receiver.next {
                    if case .message(let message) = $0 { message } else { nil }
                }
                #expect(message.id == name)
                #expect(message.payload.readableBytes == count)
            }
        }
    }

    @Test func `that may be delayed are overtaken, and all come`() async throws {
        try await withReplicas { sender, receiver, session in
            for id in 1...41 as ClosedRange<UInt64> {
                try await sender.send(
                    .message(
                        LinkMessage(
                            id: id, extender: KernelNode.extender, session: session,
                            delayMilliseconds: id > 40 ? 0 : 500, payload: ByteBuffer(integer: id))))
            }
            var arrived: [UInt64] = []
            while arrived.count < 41 {
                let payload: ByteBuffer = try await receiver.next {
                    if case .message(let message) = $0 { message.payload } else { nil }
                }
                arrived.append(payload.getInteger(at: payload.readerIndex) ?? 0)
            }
            #expect(arrived.last != 41, "the one without a delay was sent last")
            #expect(Set(arrived) == Set(1...41))
            #expect(arrived != arrived.sorted())
        }
    }

    @Test func `are held back by replica within a bound, in the order in which they are due`() {
        func message(_ id: UInt64) -> LinkMessage {
            LinkMessage(
                id: id, extender: KernelNode.extender, session: SessionID(UUIDBytes(high: 1, low: 2)),
                delayMilliseconds: 1, payload: ByteBuffer())
        }
        func at(_ seconds: Int64) -> MonotonicInstant { MonotonicInstant(nanoseconds: 0) + .seconds(seconds) }
        var delayed = DelayedMessages()
        for (id, due) in [(1, 5), (2, 3), (3, 5), (4, 9), (5, 3)] as [(UInt64, Int64)] {
            delayed.hold(message(id), in: 0, until: at(due))
        }
        #expect(delayed.nextDue == at(3))
        func taken(at seconds: Int64) -> [UInt64] {
            var taken: [UInt64] = []
            while let next = delayed.takeDue(at: at(seconds)) { taken.append(next.message.id) }
            return taken
        }
        #expect(taken(at: 2) == [])
        #expect(taken(at: 5) == [2, 5, 1, 3])
        while delayed.hasRoom(for: 0) { delayed.hold(message(9), in: 0, until: at(99)) }
        #expect(taken(at: 99).count == DelayedMessages.countMax)
        var large = message(9)
        large.payload = ByteBuffer(repeating: 7, count: 1_000_000)
        while delayed.hasRoom(for: 1_000_000) { delayed.hold(large, in: 0, until: at(99)) }
        #expect(taken(at: 99).count == DelayedMessages.bytesMax / 1_000_000)
        #expect(delayed.hasRoom(for: DelayedMessages.bytesMax))
    }

    /// Runs `body` with a replica at each of two nodes and a session between them.
    private func withReplicas(
        _ body: @escaping @Sendable (ExtenderLink, ExtenderLink, SessionID) async throws -> Void
    ) async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await ExtenderLink.attached(to: near) { sender in
                try await ExtenderLink.attached(to: far) { receiver in
                    try await body(sender, receiver, try await near.connect(to: far.uuid).get())
                }
            }
        }
    }

    @Test func `that unfold to more than the allowance wait for their turn, and arrive`() async throws {
        try await withReplicas { sender, receiver, session in
            let count = 12
            let text = (0..<40_000).map { "line \($0 * 7919 % 10_007) says much the same\n" }.joined()
            let payload = ByteBuffer(string: String(text.prefix(1_000_000)))
            let start = ContinuousClock.now
            for id in 1...count {
                try await sender.send(
                    .message(
                        LinkMessage(
                            id: UInt64(id), extender: KernelNode.extender, session: session, compresses: true,
                            payload: payload)))
                // As much at a time as a link may send ahead.
                let message: LinkMessage = try await receiver.next {
                    if case .message(let message) = $0 { message } else { nil }
                }
                #expect(message.payload == payload)
            }
            let least = (count * 1_000_000 - WorkAllowance.burstBytes - (3 << 20))
            #expect(
                ContinuousClock.now - start
                    > .seconds(1) * least / WorkAllowance.bytesPerSecond)
        }
    }

    private func next(of link: ExtenderLink) async throws -> LinkReceipt {
        try await link.next { if case .receipt(let receipt) = $0 { receipt } else { nil } }
    }
}
