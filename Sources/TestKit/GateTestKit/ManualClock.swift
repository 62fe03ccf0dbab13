package import GateModel

/// A clock that stands still until a test moves it: boot time and calendar together.
package struct ManualClock: Sendable {
    /// The moment by boot time.
    package private(set) var now = MonotonicInstant(nanoseconds: 1_000_000_000)
    /// The moment by the calendar.
    package private(set) var wall: UnixTime

    package init(wall: UnixTime = UnixTime(seconds: 1_800_000_000)) { self.wall = wall }

    /// Moves both on; the calendar by whole seconds.
    package mutating func advance(by duration: Duration) {
        now = now + duration
        wall = wall + duration.components.seconds
    }
}
