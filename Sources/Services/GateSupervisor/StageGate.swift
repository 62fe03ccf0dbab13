internal import Synchronization

/// Lets children of a stage begin when all of the stages before have been ready once.
final class StageGate: Sendable {
    private struct State {
        var notYetReady: [Int: Set<Int>] = [:]
        var waiting: [Int: (stage: Int, turn: CheckedContinuation<Bool, Never>)] = [:]
        var nextTicket = 0

        func isOpen(_ stage: Int) -> Bool { notYetReady.allSatisfy { $0.key >= stage || $0.value.isEmpty } }
    }

    private let state: Mutex<State>
    private let stageOfChild: [Int]

    /// - Parameter stages: The stage of each child, by its index.
    init(stages: [Int]) {
        stageOfChild = stages
        var state = State()
        for (index, stage) in stages.enumerated() { state.notYetReady[stage, default: []].insert(index) }
        self.state = Mutex(state)
    }

    /// Waits until the stage may begin; `false` if the task was cancelled first.
    func waitForTurn(of stage: Int) async -> Bool {
        let ticket = state.withLock { state in
            state.nextTicket += 1
            return state.nextTicket
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { turn in
                let answer: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    if state.isOpen(stage) { return true }
                    state.waiting[ticket] = (stage, turn)
                    return nil
                }
                if let answer { turn.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: ticket) }?.turn.resume(returning: false)
        }
    }

    /// Notes that a child is ready, and lets begin who waited for it.
    func becameReady(_ child: Int) {
        let turns = state.withLock { state in
            state.notYetReady[stageOfChild[child]]?.remove(child)
            let open = state.waiting.filter { state.isOpen($0.value.stage) }
            for ticket in open.keys { state.waiting[ticket] = nil }
            return open.values.map(\.turn)
        }
        for turn in turns { turn.resume(returning: true) }
    }
}
