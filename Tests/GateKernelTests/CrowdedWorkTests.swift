import GateLink
import GateLinkTransport
import GateModel
import GateTestKit
import GateWire
import Logging
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct WorkThatThereIsNoRoomFor {
    @Test func `is refused: a connect is answered with overloaded`() async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let kernel = KernelState(logger: logger, metrics: KernelMetrics(worker: "kernel-1"))
        while kernel.spawn({}) {}
        let node = NodeUUID(UUIDBytes(high: 1, low: 2))
        var grant = LinkGrant.attaching(as: KernelNode.extender)
        grant.mayConnect = true
        let service = LinkService(
            accepts: [.extender], worker: "kernel-1", admit: { [grant] _ in .granted(grant) },
            makeDelegate: { _, _ in AttachmentDelegate(kernel: kernel) })
        let server = MemoryLinkServer(
            name: try #require(LinkName(node: node, role: .kernel, name: "kernel-1")), service: service)
        let name = try #require(LinkName(node: node, role: .extender(KernelNode.extender), name: "test-1"))
        try await ExtenderLink.attached(to: server, as: name) { link in
            try await link.send(
                .connect(
                    ConnectRequest(
                        id: 5, target: node, route: .direct, anonymous: false, isolation: "",
                        deadlineMilliseconds: 5000)))
            let failure: ConnectFailure = try await link.next {
                if case .connectFailed(let failure) = $0 { failure } else { nil }
            }
            #expect(failure.id == 5 && failure.code == .overloaded)
        }
    }

    @Test func `is asked for again: a session goes on although nothing could be begun when its way broke`() async throws
    {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let id = try await home.session(with: far)
            let session = try await home.session(id, epoch: 0)
            let kernel = home.kernel.kernel
            // Takes every place for work, and keeps it.
            let gate = session.eventLoop.makePromise(of: Void.self)
            defer { gate.succeed() }
            let held: @Sendable () async -> Void = { try? await gate.futureResult.get() }
            while kernel.spawn(held) {}
            session.eventLoop.execute { session.close(.goingAway) }
            while kernel.session(id) === session { try await Task.sleep(for: .milliseconds(1)) }
            // The turn of the loop in which it was suspended is over.
            try await session.eventLoop.submit {}.get()
            #expect(!kernel.spawn(held), "there was no place")
            #expect(kernel.isSuspended(id))
            gate.succeed()
            _ = try await home.session(id, epoch: 1)
            _ = try await far.session(id, epoch: 1)
        }
    }
}
