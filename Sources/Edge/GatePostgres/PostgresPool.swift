import Dispatch
import Foundation
import GateStore
import Logging
import Synchronization

/// A few threads, each with a connection, and a bounded queue before them: where transactions and listings run.
final class PostgresPool: Sendable {
    private struct Job: Sendable {
        let deadline: PostgresDeadline
        let run: @Sendable (PostgresLane?, PostgresDeadline) -> Void
    }

    private struct State {
        var jobs: [Job] = []
        var isClosed = false
        var laneCount = 0
        var onEnd: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let work = DispatchSemaphore(value: 0)

    /// Calls that may wait for a connection; more are refused at once.
    static let queueMax = 4096

    init(target: PostgresTarget, laneCount: Int, logger: Logger) {
        state.withLock { $0.laneCount = laneCount }
        for index in 1...laneCount {
            let thread = Thread { [self] in serve(PostgresLane(target: target, logger: logger)) }
            thread.name = "postgres-\(index)"
            thread.start()
        }
    }

    /// Runs `body` on one of the threads and returns what it returns. It waits for a thread and a connection at most
    /// for `duration`, and so does whatever it does.
    func perform<Value: Sendable>(
        within duration: Duration, _ body: @escaping @Sendable (PostgresLane, PostgresDeadline) throws -> Value
    ) async -> Result<Value, any Error> {
        await withCheckedContinuation { continuation in
            let job = Job(deadline: .after(duration)) { lane, deadline in
                guard let lane, !deadline.isOver else {
                    return continuation.resume(returning: .failure(PostgresFailure.late))
                }
                continuation.resume(returning: Result { try body(lane, deadline) })
            }
            let isTaken = state.withLock { state in
                guard !state.isClosed, state.jobs.count < PostgresPool.queueMax else { return false }
                state.jobs.append(job)
                return true
            }
            if isTaken { work.signal() } else { job.run(nil, job.deadline) }
        }
    }

    /// Refuses what waits, and returns once what runs has ended and the connections are closed.
    func close() async {
        await withCheckedContinuation { continuation in
            let (left, laneCount) = state.withLock { state -> ([Job], Int) in
                guard !state.isClosed else { return ([], 0) }
                defer { state.jobs = [] }
                (state.isClosed, state.onEnd) = (true, continuation)
                return (state.jobs, state.laneCount)
            }
            guard laneCount > 0 else { return continuation.resume() }
            for job in left { job.run(nil, job.deadline) }
            for _ in 0..<laneCount { work.signal() }
        }
    }

    private func serve(_ lane: PostgresLane) {
        while true {
            work.wait()
            let (job, isClosed) = state.withLock { state in
                (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isClosed)
            }
            if let job {
                job.run(lane, job.deadline)
            } else if isClosed {
                break
            }
        }
        let onEnd = state.withLock { state in
            state.laneCount -= 1
            return state.laneCount == 0 ? state.onEnd : nil
        }
        onEnd?.resume()
    }
}
