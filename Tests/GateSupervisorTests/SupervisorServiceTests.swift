import Glibc
import Logging
import Synchronization
import Testing

@testable import GateSupervisor

@Suite(.timeLimit(.minutes(1))) struct SupervisorServiceTests {
    /// Runs children until `isDone` says so of the statuses, then stops; gives back all statuses seen, in order.
    private func statuses(
        of children: [ChildProgram], policy: RestartPolicy = quick, until isDone: ([ChildStatus]) -> Bool
    ) async -> [[ChildStatus]] {
        let (changes, continuation) = AsyncStream.makeStream(of: [ChildStatus].self)
        let supervisor = SupervisorService(
            children: children, policy: policy, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onChange: { continuation.yield($0) })
        var seen: [[ChildStatus]] = []
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                try? await supervisor.run()
                continuation.finish()
            }
            var isStopping = false
            for await change in changes {
                seen.append(change)
                if !isStopping, isDone(change) {
                    isStopping = true
                    group.cancelAll()
                }
            }
        }
        return seen
    }

    private func shell(_ name: String, _ script: String, stage: Int = 0, _ environment: [String: String] = [:])
        -> ChildProgram
    {
        ChildProgram(
            name: name, executable: "/bin/sh", arguments: ["-c", script], environment: environment, stage: stage)
    }

    @Test func `a child becomes ready by its line and stops when its input closes or it is told to`() async {
        let seen = await statuses(of: [shell("a", "echo noise; echo 'ready {\"port\":\"7\"}'; read x")]) {
            $0[0].phase == .ready
        }
        #expect(seen.map { $0[0].phase } == [.starting, .ready, .stopped])
        #expect(seen[1][0].fields == ["port": "7"])
        #expect(seen[1][0].pid != nil)
    }

    @Test func `a child that ends is started again`() async {
        let seen = await statuses(of: [shell("a", "echo 'ready {}'; exit 7")]) { $0[0].restartCount == 3 }
        #expect(seen.last?[0].lastEnd?.contains("7") == true)
        #expect(seen.filter { $0[0].phase == .starting }.count == 3)
    }

    @Test func `a killed child is started again as a new process`() async {
        let killed = Mutex(false)
        let seen = await statuses(of: [shell("a", "echo 'ready {}'; read x")]) { change in
            guard change[0].phase == .ready, let pid = change[0].pid else { return false }
            if !killed.withLock({ exchange(&$0, with: true) }) { kill(pid, SIGKILL) }
            return change[0].restartCount == 1
        }
        #expect(Set(seen.compactMap { $0[0].pid }).count == 2)
    }

    @Test func `a program that is not there is tried again, not fatal`() async {
        let seen = await statuses(of: [ChildProgram(name: "a", executable: "/no/such/program")]) {
            $0[0].restartCount == 2
        }
        #expect(seen.last?[0].lastEnd?.isEmpty == false)
    }

    @Test func `a child that is not ready in time is killed`() async {
        var policy = quick
        policy.readyWithin = .milliseconds(20)
        let seen = await statuses(of: [shell("a", "exec sleep 600")], policy: policy) { $0[0].restartCount == 1 }
        #expect(seen.last?[0].phase == .stopped)
    }

    @Test func `a child that ignores SIGTERM is killed after the grace`() async {
        var policy = quick
        policy.stopGrace = .milliseconds(50)
        let seen = await statuses(
            of: [shell("a", "trap '' TERM; echo 'ready {}'; while :; do sleep 0.01; done")], policy: policy
        ) { $0[0].phase == .ready }
        #expect(seen.last?[0].phase == .stopped)
    }

    @Test func `a stage begins when the one before is ready`() async {
        let seen = await statuses(of: [
            shell("late", "echo 'ready {}'; read x", stage: 1), shell("early", "echo 'ready {}'; read x"),
        ]) { $0[0].phase == .ready }
        #expect(seen.allSatisfy { $0[0].phase == .waiting || $0[1].phase != .waiting && $0[1].phase != .starting })
    }

    @Test func `stages stop in reverse, each when the one after has ended`() async {
        let slow = "trap 'sleep 0.3; exit' TERM; echo 'ready {}'; while :; do sleep 0.01; done"
        let seen = await statuses(of: [
            shell("database", "echo 'ready {}'; exec sleep 600"), shell("kernel", slow, stage: 1),
            shell("extender", slow, stage: 2),
        ]) { $0.allSatisfy { $0.phase == .ready } }
        let order = seen.compactMap { change in
            change.map { $0.phase == .stopped }
        }
        #expect(order.contains([false, false, true]))
        #expect(order.contains([false, true, true]))
        #expect(order.last == [true, true, true])
        #expect(!order.contains { $0[0] && !($0[1] && $0[2]) || $0[1] && !$0[2] })
    }

    @Test func `stopping while a stage waits does not hang`() async {
        let seen = await statuses(of: [shell("late", "exit", stage: 1), shell("early", "exec sleep 600")]) {
            $0[1].phase == .starting
        }
        #expect(seen.last?.map(\.phase) == [.stopped, .stopped])
    }

    @Test func `a child's environment stands over ours`() async {
        let seen = await statuses(
            of: [shell("a", "echo \"ready {\\\"v\\\":\\\"$GATE_TEST\\\"}\"; read x", ["GATE_TEST": "yes"])]
        ) { $0[0].phase == .ready }
        #expect(seen.contains { $0[0].fields == ["v": "yes"] })
    }
}

@Suite struct RestartPolicyTests {
    @Test func `pauses double up to the longest`() {
        let policy = RestartPolicy()
        var pauses: [Duration] = []
        for _ in 0..<8 { pauses.append(policy.pause(after: pauses.last, ran: .zero)) }
        #expect(pauses == [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000].map { .milliseconds($0) })
    }

    @Test func `a child that ran long begins with the first pause`() {
        let policy = RestartPolicy()
        #expect(policy.pause(after: .seconds(10), ran: .seconds(31)) == policy.firstPause)
    }
}

private let quick: RestartPolicy = {
    var policy = RestartPolicy()
    policy.firstPause = .milliseconds(1)
    policy.longestPause = .milliseconds(4)
    return policy
}()

private func exchange(_ value: inout Bool, with new: Bool) -> Bool {
    defer { value = new }
    return value
}
