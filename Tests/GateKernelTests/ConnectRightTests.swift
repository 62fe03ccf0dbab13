import GateLink
import GateModel
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct ConnectRightTests {
    @Test func `an extender without the right gets no session, although it is attached and the peer is there`()
        async throws
    {
        try await withKernels(2) { nodes in
            let (near, far) = (nodes[0], nodes[1])
            try await near.know(far)
            try await far.know(near)
            // Attaches with the right to attach only.
            try await ExtenderLink.attached(to: near) { link in
                try await link.send(
                    .connect(
                        ConnectRequest(
                            id: 5, target: far.uuid, route: .direct, anonymous: false, isolation: "",
                            deadlineMilliseconds: 5000)))
                let answer: ConnectFailure? = try await link.next {
                    switch $0 {
                    case .connectFailed(let failure): .some(failure)
                    case .connected: .some(nil)
                    default: nil
                    }
                }
                #expect(answer?.id == 5)
                #expect(answer?.code == .refused)
            }
        }
    }
}
