import Synchronization

/// A dial's leave to go on: ended by who asked for it, from any thread.
final class DialTicket: Sendable {
    private struct State {
        var isOver = false
        var abort: (@Sendable () -> Void)?
    }

    private let state = Mutex(State())

    var isOver: Bool { state.withLock(\.isOver) }

    /// What ends what goes on now, in place of what was told before; runs at once where the ticket has ended.
    func onEnd(_ abort: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.abort = abort }
            return state.isOver
        }
        if isOver { abort() }
    }

    /// Nothing goes on any more that the end could stop.
    func settle() { state.withLock { $0.abort = nil } }

    func end() {
        let abort = state.withLock { state in
            state.isOver = true
            defer { state.abort = nil }
            return state.abort
        }
        abort?()
    }
}
