import GateModel
import GateStore
import Logging
import Synchronization

/// Gathers what subjects are charged and writes it in batches; while the database is away it waits here, within a bound.
final class ChargeLedger: Sendable {
    fileprivate struct State {
        var waiting: [AccessSubject: Int] = [:]
        var isWriting = false
    }

    private let store: any KernelStore
    private let logger: Logger
    private let state = Mutex(State())

    /// Subjects whose charges wait; others are not charged meanwhile.
    static let subjectsMax = 10_000

    init(store: any KernelStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Takes points off a subject's reputation with the next batch.
    func charge(_ subject: AccessSubject, points: Int) {
        state.withLock { $0.add(subject, points) }
    }

    /// Writes all that waits, unless somebody does already, who then writes this too. What can't be written waits on.
    func write() async {
        while let batch = begin() {
            let outcome: StoreFailure?
            do throws(StoreFailure) {
                try await store.noteCharges(batch)
                outcome = nil
            } catch {
                outcome = error
            }
            finish(batch, outcome)
            if let outcome {
                return logger.warning(
                    "Charges of reputation could not be written", metadata: ["error": "\(outcome)"])
            }
        }
    }

    private func begin() -> [ReputationCharge]? {
        state.withLock { state in
            guard !state.isWriting, !state.waiting.isEmpty else { return nil }
            state.isWriting = true
            let batch = state.waiting.prefix(StoreLimit.batchRows).map {
                ReputationCharge(subject: $0.key, points: $0.value)
            }
            for charge in batch { state.waiting[charge.subject] = nil }
            return batch
        }
    }

    private func finish(_ batch: [ReputationCharge], _ failure: StoreFailure?) {
        state.withLock { state in
            state.isWriting = false
            switch failure {
            case .unavailable: for charge in batch { state.add(charge.subject, charge.points) }
            default: break  // written, or refused for good
            }
        }
    }
}

extension ChargeLedger.State {
    fileprivate mutating func add(_ subject: AccessSubject, _ points: Int) {
        guard points > 0, waiting[subject] != nil || waiting.count < ChargeLedger.subjectsMax else { return }
        waiting[subject] = min(ReputationCharge.pointsMax, waiting[subject, default: 0] + points)
    }
}
