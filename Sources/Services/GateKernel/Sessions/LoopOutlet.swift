import NIOCore

/// Carries items from one event loop to an object that lives on another: gathered while a read is worked off, then
/// handed over with one `execute`. Costs no lock; on the same loop no hop either. Lives on the loop it is filled on.
final class LoopOutlet<Item: Sendable> {
    private let destination: any EventLoop
    private let deliver: @Sendable ([Item]) -> Void
    private var waiting: [Item] = []

    /// `deliver` runs on `destination`.
    init(to destination: any EventLoop, deliver: @escaping @Sendable ([Item]) -> Void) {
        self.destination = destination
        self.deliver = deliver
    }

    func append(_ item: Item) { waiting.append(item) }

    var isEmpty: Bool { waiting.isEmpty }

    /// Hands over what waits; called at the end of a batch.
    func flush() {
        guard !waiting.isEmpty else { return }
        var items: [Item] = []
        items.reserveCapacity(waiting.count)
        swap(&items, &waiting)
        if destination.inEventLoop {
            deliver(items)
        } else {
            let deliver = deliver
            destination.execute { [items] in deliver(items) }
        }
    }
}
