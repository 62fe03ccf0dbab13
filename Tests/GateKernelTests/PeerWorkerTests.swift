import GateModel
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

    @Test func `of two sessions with one worker one is closed`() async throws {
        try await withKernels(2, resumes: true) { nodes in
            let (home, far) = (nodes[0], nodes[1])
            _ = try await home.session(with: far)
            _ = try await home.kernel.host.resumer?.dial(far.uuid, anonymous: false).get()
            try await Task.sleep(for: .milliseconds(300))
            #expect(far.kernel.kernel.sessionCount == 1 && home.kernel.kernel.sessionCount == 1)
        }
    }
}
