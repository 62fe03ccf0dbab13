import Synchronization

/// A value that many may wait for, which comes once or never will.
final class Readiness<Value: Sendable>: Sendable {
    private enum State {
        case awaited([UInt64: CheckedContinuation<Void, Never>], last: UInt64)
        case settled(Value?)
    }

    private let state = Mutex(State.awaited([:], last: 0))

    /// The value; `nil` where it never came, or the caller was cancelled first.
    var value: Value? {
        get async {
            guard let number = draw() else { return settled }
            await withTaskCancellationHandler {
                await withCheckedContinuation { wait($0, number) }
            } onCancel: {
                leave(number)
            }
            return settled
        }
    }

    /// Settles it, unless it is; `nil`: it will never come.
    func settle(_ value: Value?) {
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard case .awaited(let waiting, _) = state else { return [] }
            state = .settled(value)
            return Array(waiting.values)
        }
        for continuation in waiting { continuation.resume() }
    }

    /// From now on there is none.
    func end() {
        settle(nil)
        state.withLock { $0 = .settled(nil) }
    }

    private var settled: Value? {
        state.withLock { if case .settled(let value) = $0 { value } else { nil } }
    }

    /// A number for one that waits; `nil` where nobody needs to.
    private func draw() -> UInt64? {
        state.withLock { state in
            guard case .awaited(let waiting, let last) = state else { return nil }
            state = .awaited(waiting, last: last + 1)
            return last + 1
        }
    }

    private func wait(_ continuation: CheckedContinuation<Void, Never>, _ number: UInt64) {
        let waits = state.withLock { state in
            guard !Task.isCancelled, case .awaited(var waiting, let last) = state else { return false }
            waiting[number] = continuation
            state = .awaited(waiting, last: last)
            return true
        }
        if !waits { continuation.resume() }
    }

    private func leave(_ number: UInt64) {
        let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .awaited(var waiting, let last) = state else { return nil }
            defer { state = .awaited(waiting, last: last) }
            return waiting.removeValue(forKey: number)
        }
        continuation?.resume()
    }
}
