import Synchronization

/// What threads leave for an event loop, in order. Only who finds it empty has to wake the loop: more items then cost neither
/// a wake-up nor a place in the loop's own queue, whose lock all its channels and timers share.
final class Inbox<Item: Sendable>: Sendable {
    private let waiting = Mutex<[Item]>([])

    /// Whether nothing waited: the loop has to be told to ``takeAll()``.
    func put(_ item: Item) -> Bool {
        waiting.withLock { waiting in
            waiting.append(item)
            return waiting.count == 1
        }
    }

    func takeAll() -> [Item] {
        waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
    }
}
