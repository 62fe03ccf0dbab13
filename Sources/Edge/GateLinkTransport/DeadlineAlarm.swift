import NIOCore

/// One timer for many deadlines: whoever has them sets it for each, and again for the earliest that is left when it has rung.
/// On an event loop.
struct DeadlineAlarm {
    private var timer: (scheduled: Scheduled<Void>, at: NIODeadline)?

    /// Whether it rings by then.
    func rings(by deadline: NIODeadline) -> Bool { timer.map { $0.at <= deadline } ?? false }

    /// Rings at `deadline`, and at no other time that it was set for.
    mutating func set(for deadline: NIODeadline, on eventLoop: any EventLoop, _ ring: @escaping () -> Void) {
        cancel()
        timer = (eventLoop.assumeIsolated().scheduleTask(deadline: deadline, ring), deadline)
    }

    mutating func cancel() {
        timer?.scheduled.cancel()
        timer = nil
    }
}
