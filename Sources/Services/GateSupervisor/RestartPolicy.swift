/// When a child that ended is started again, and how long it may take to start and stop.
package struct RestartPolicy: Sendable, Equatable {
    /// The pause after a first end.
    package var firstPause = Duration.milliseconds(200)
    /// The longest pause; each end doubles the last one up to here.
    package var longestPause = Duration.seconds(10)
    /// A child that ran this long begins again with the first pause.
    package var stableAfter = Duration.seconds(30)
    /// A child that isn't ready after this is killed and counts as ended.
    package var readyWithin = Duration.seconds(60)
    /// Time from SIGTERM and end of its standard input to SIGKILL.
    package var stopGrace = Duration.seconds(5)

    package init() {}

    /// The pause before the next start.
    ///
    /// - Parameters:
    ///   - previous: The pause before the last start; `nil` if there was none.
    ///   - ran: How long the child ran.
    package func pause(after previous: Duration?, ran: Duration) -> Duration {
        guard let previous, ran < stableAfter else { return firstPause }
        return min(previous * 2, longestPause)
    }
}
