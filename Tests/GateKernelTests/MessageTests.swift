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
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await ExtenderLink.attached(to: near) { sender in
                try await ExtenderLink.attached(to: far) { receiver in
                    let session = try await near.connect(to: far.uuid).get()
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
        }
    }

    @Test func `that unfold to more than the allowance wait for their turn, and arrive`() async throws {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            try await ExtenderLink.attached(to: near) { sender in
                try await ExtenderLink.attached(to: far) { receiver in
                    let session = try await near.connect(to: far.uuid).get()
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
                    let least = (count * 1_000_000 - UnfoldingAllowance.burstBytes - (3 << 20))
                    #expect(
                        ContinuousClock.now - start
                            > .seconds(1) * least / UnfoldingAllowance.bytesPerSecond)
                }
            }
        }
    }

    private func next(of link: ExtenderLink) async throws -> LinkReceipt {
        try await link.next { if case .receipt(let receipt) = $0 { receipt } else { nil } }
    }
}
