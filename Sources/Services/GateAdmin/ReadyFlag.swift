internal import Synchronization

/// Whether a service has said that it serves; raised once, asked by `/readyz`.
package final class ReadyFlag: Sendable {
    private let flag = Atomic(false)

    package init() {}

    /// Whether it was raised.
    package var isRaised: Bool { flag.load(ordering: .relaxed) }

    /// Raises it for good.
    package func raise() { flag.store(true, ordering: .relaxed) }
}
