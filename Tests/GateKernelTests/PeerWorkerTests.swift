import GateLink
import GateModel
import GateStore
import GateTestKit
import GateTransport
import NIOCore
import Testing

@testable import GateKernel

@Suite(.timeLimit(.minutes(1))) struct SessionsAreBetweenWorkers {
    @Test func `two workers of a node each keep a session with the same peer`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let first = try await home.session(with: far)
            let other = try await home.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))

            let second = try await other.connect(to: far.uuid).get()
            try await far.holds(2)
            // A duplicate would be closed at once, upon which its dialler goes on with it and closes the other.
            try await Task.sleep(for: .milliseconds(300))

            #expect(try await home.session(first, epoch: 0).epoch == 0)
            #expect(try await other.session(second, epoch: 0).epoch == 0)
            #expect(far.kernel.kernel.session(with: home.uuid)?.id == second, "the newest serves who asks there")
            #expect(try await other.connect(to: far.uuid).get() == second)
            await other.stop()
            try await far.holds(1)
            #expect(far.kernel.kernel.session(with: home.uuid)?.id == first)
        }
    }

    @Test func `a second session that nobody wants ends after a while, and the last one never`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let first = try await home.session(with: far)
            let other = try await home.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))
            let second = try await other.connect(to: far.uuid).get()
            try await far.holds(2)
            let host = far.kernel.host
            let start = SystemClock.now()
            let (spare, kept) = first.value < second.value ? (second, first) : (first, second)
            func look(_ seconds: Int) async throws {
                host.endSpare(at: start + .seconds(seconds))
                for session in far.kernel.kernel.sessions { try await session.eventLoop.submit {}.get() }
            }
            // Nobody looked before: the time runs from now on.
            try await look(0)
            // Who asks for the session has as long to use it.
            let asked = try await far.connect(to: home.uuid).get()
            try await look(601)
            if asked == spare { #expect(far.kernel.kernel.sessionCount == 2) } else { try await far.holds(1) }
            try await look(1300)
            try await far.holds(1)
            #expect(far.kernel.kernel.session(kept) != nil)
            #expect(far.kernel.kernel.suspendedCount == 0, "it ends for good")
            try await look(5000)
            try await look(9000)
            #expect(far.kernel.kernel.sessionCount == 1)
            await other.stop()
        }
    }

    @Test func `a second session with a stream stays`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            let other = try await home.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))
            try await ExtenderLink.attached(to: home) { _ in
                try await ExtenderLink.attached(to: other) { _ in
                    try await ExtenderLink.attached(to: far) { opener in
                        let first = try await home.session(with: far)
                        let second = try await other.connect(to: far.uuid).get()
                        try await far.holds(2)
                        let spare = first.value < second.value ? second : first
                        try await opener.send(
                            .streamOpen(
                                alias: 1,
                                LinkStreamOpen(
                                    id: StreamID(replica: 7, counter: 1), extender: KernelNode.extender,
                                    session: spare, peer: .node(home.uuid), priority: .bulk, credit: 65_536)))
                        let session = try await far.session(spare, epoch: 0)
                        while try await session.eventLoop.submit({ session.streamCount }).get() == 0 {
                            try await Task.sleep(for: .milliseconds(5))
                        }
                        let start = SystemClock.now()
                        for seconds in [0, 700, 1400, 2100] {
                            far.kernel.host.endSpare(at: start + .seconds(seconds))
                            try await session.eventLoop.submit {}.get()
                        }
                        #expect(far.kernel.kernel.session(spare) != nil)
                    }
                }
            }
            await other.stop()
        }
    }

    @Test func `of two sessions with one worker one is closed`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            _ = try await home.session(with: far)
            _ = try await home.kernel.host.resumer?.dial(far.uuid, anonymous: false).get()
            try await Task.sleep(for: .milliseconds(300))
            #expect(far.kernel.kernel.sessionCount == 1 && home.kernel.kernel.sessionCount == 1)
        }
    }

    @Test func `a session that goes on at a worker lives beside the one that this worker dialled`() async throws {
        for isLower in [true, false] {
            try await withKernels(2, resumes: true) { nodes in
                let lower = nodes[0].uuid < nodes[1].uuid
                let (home, far) = lower == isLower ? (nodes[0], nodes[1]) : (nodes[1], nodes[0])
                let other = try await far.colleague("kernel-2", at: Endpoint(host: "127.0.0.1", port: 0))
                let id = try await home.session(with: far)
                let dialled = try await other.connect(to: home.uuid).get()
                try await home.holds(2)
                _ = try await home.store.editPeer(
                    far.uuid, PeerEdit(endpoints: [try far.endpoint, try other.endpoint]))

                await far.stop()

                _ = try await home.session(id, epoch: 1)
                _ = try await other.session(id, epoch: 1)
                try await Task.sleep(for: .milliseconds(300))
                #expect(home.kernel.kernel.session(id)?.epoch == 1 && home.kernel.kernel.session(dialled) != nil)
                #expect(other.kernel.kernel.session(id)?.epoch == 1 && other.kernel.kernel.session(dialled) != nil)
                await other.stop()
            }
        }
    }

    @Test func `a session in which we hide is nobody's successor, and nobody who asks for the node gets it`()
        async throws
    {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            try await far.set(NodeSettings.accessAnonymous.definition, "true")
            let id = try await home.session(with: far)
            for key in ["one", "two"] {
                #expect(try await home.connect(to: far.uuid, anonymous: true, isolation: key).get() != id)
            }
            try await home.holds(3)
            #expect(try await home.connect(to: far.uuid).get() == id)
        }
    }
}
