internal import GateTelemetry
package import Logging
internal import ServiceLifecycle
internal import Subprocess
internal import Synchronization
internal import SystemPackage

/// Keeps child processes running until told to stop.
///
///     waiting ──stage──▶ starting ──ready line──▶ ready
///                           ▲  └──── end, late ────┤
///                           └──pause── pausing ◀───┘        any ──cancelled──▶ stopped
///
/// A child's standard input is a pipe that nobody writes to: whatever ends this process closes it, and the child ends
/// by itself (see `StandardInputGuard`). Standard error is shared, so a child's last words are never lost with us.
package final class SupervisorService: Service {
    private let children: [ChildProgram]
    private let policy: RestartPolicy
    private let logger: Logger
    private let onChange: @Sendable ([ChildStatus]) -> Void
    private let statuses: Mutex<[ChildStatus]>
    private let stages: StageGate

    /// - Parameter onChange: Called with all children's statuses after each change, in order; must be quick.
    package init(
        children: [ChildProgram], policy: RestartPolicy = RestartPolicy(), logger: Logger,
        onChange: @escaping @Sendable ([ChildStatus]) -> Void = { _ in }
    ) {
        self.children = children
        self.policy = policy
        self.logger = logger
        self.onChange = onChange
        statuses = Mutex(children.map { ChildStatus(name: $0.name, phase: .waiting) })
        stages = StageGate(stages: children.map(\.stage))
    }

    /// How the children are, in the order given.
    package var childStatuses: [ChildStatus] { statuses.withLock { $0 } }

    /// Runs until cancelled or gracefully shut down; returns when every child has ended.
    ///
    /// Stages are stopped in reverse: the children of one have ended before those of the stage before are told to, so
    /// that a child can use what it depends on to its end. Each stage takes `RestartPolicy.stopGrace` at most.
    package func run() async throws {
        // Tasks of their own, because a group would cancel all stages at once.
        let stages = Dictionary(grouping: children.indices) { children[$0].stage }.sorted { $0.key < $1.key }
            .map { stage in Task { await self.keepRunning(stage.value) } }
        try? await gracefulShutdown()  // or cancellation
        for stage in stages.reversed() {
            stage.cancel()
            await stage.value
        }
    }

    private func keepRunning(_ stage: [Int]) async {
        await withDiscardingTaskGroup { group in
            for index in stage { group.addTask { await self.keepRunning(self.children[index], index: index) } }
        }
    }

    private func keepRunning(_ child: ChildProgram, index: Int) async {
        defer { change(index) { ($0.phase, $0.pid) = (.stopped, nil) } }
        guard await stages.waitForTurn(of: child.stage) else { return }
        let clock = ContinuousClock()
        var pause: Duration?
        while !Task.isCancelled {
            let start = clock.now
            let end = await runOnce(child, index: index)
            guard !Task.isCancelled else { return }
            let next = policy.pause(after: pause, ran: clock.now - start)
            pause = next
            logger.warning(
                "child ended, starts again",
                metadata: [
                    LogKey.child: "\(child.name)", LogKey.reason: "\(end)",
                    LogKey.milliseconds: "\(Int(next / .milliseconds(1)))",
                ])
            change(index) {
                ($0.phase, $0.pid, $0.lastEnd) = (.pausing, nil, end)
                $0.restartCount += 1
            }
            do { try await clock.sleep(for: next) } catch { return }
        }
    }

    /// Runs the child to its end and says why it ended.
    private func runOnce(_ child: ChildProgram, index: Int) async -> String {
        var options = PlatformOptions()
        options.processGroupID = 0  // Ctrl-C in a terminal is for the supervisor, which stops its children in order
        options.teardownSequence = [.gracefulShutDown(allowedDurationToNextStep: policy.stopGrace)]
        let variables = child.environment.map { (Environment.Key(stringLiteral: $0.key), String?.some($0.value)) }
        do {
            let result = try await Subprocess.run(
                .path(FilePath(child.executable)), arguments: Arguments(child.arguments),
                environment: .inherit.updating(Dictionary(variables) { $1 }), platformOptions: options,
                input: .inputWriter, output: .sequence,
                error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
            ) { execution in
                let pid = execution.processIdentifier.value
                logger.info("child started", metadata: [LogKey.child: "\(child.name)", LogKey.pid: "\(pid)"])
                change(index) { ($0.phase, $0.pid, $0.fields) = (.starting, pid, [:]) }
                try await watch(execution.standardOutput, of: index) {
                    try? execution.send(signal: .kill)
                }
            }
            return "\(result.terminationStatus)"
        } catch {
            return "\(error)"
        }
    }

    /// Reads the child's output to its end; calls `kill` if no ready line comes in time.
    private func watch(
        _ output: SubprocessOutputSequence, of index: Int, kill: @escaping @Sendable () -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await Task.sleep(for: self.policy.readyWithin)
                guard self.statuses.withLock({ $0[index].phase }) == .starting else { return }
                self.logger.error("child not ready in time", metadata: [LogKey.child: "\(self.children[index].name)"])
                kill()
            }
            defer { group.cancelAll() }
            for try await line in output.strings(bufferingPolicy: .maxLineLength(ReadyLine.bytesMax)) {
                guard let ready = ReadyLine(line: line) else { continue }
                self.change(index) { ($0.phase, $0.fields) = (.ready, ready.fields) }
                self.logger.info("child ready", metadata: [LogKey.child: "\(self.children[index].name)"])
                self.stages.becameReady(index)
            }
        }
    }

    /// Changes one status and tells of it.
    private func change(_ index: Int, _ body: (inout ChildStatus) -> Void) {
        // Told under the lock, so that listeners hear of changes in their order.
        statuses.withLock { statuses in
            let before = statuses[index]
            body(&statuses[index])
            if statuses[index] != before { onChange(statuses) }
        }
    }
}
