/// A program that a supervisor keeps running.
package struct ChildProgram: Sendable, Equatable {
    /// What it is called in logs and `status`, such as `kernel-1`; unique among its siblings.
    package let name: String
    /// The program's path.
    package let executable: String
    package let arguments: [String]
    /// Variables that stand over the supervisor's own environment.
    package let environment: [String: String]
    /// Children of a stage start when all of the stages before are ready for the first time.
    package let stage: Int

    package init(
        name: String, executable: String, arguments: [String] = [], environment: [String: String] = [:], stage: Int = 0
    ) {
        self.name = name
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.stage = stage
    }
}

/// How a child is right now.
package struct ChildStatus: Sendable, Equatable {
    /// Where a child is between not started and stopped.
    package enum Phase: String, Sendable {
        /// Not started yet: an earlier stage is not ready.
        case waiting
        /// Started, has not said that it is ready.
        case starting
        case ready
        /// Ended; to be started again after a pause.
        case pausing
        /// Ended for good.
        case stopped
    }

    package let name: String
    package var phase: Phase
    /// The process's id while it runs.
    package var pid: Int32?
    /// How often it was started again.
    package var restartCount: Int
    /// Why it last ended.
    package var lastEnd: String?
    /// What its ready line told.
    package var fields: [String: String]

    package init(
        name: String, phase: Phase, pid: Int32? = nil, restartCount: Int = 0, lastEnd: String? = nil,
        fields: [String: String] = [:]
    ) {
        self.name = name
        self.phase = phase
        self.pid = pid
        self.restartCount = restartCount
        self.lastEnd = lastEnd
        self.fields = fields
    }
}
