package import GateModel

/// Whether another circuit may pass through or end at this worker: counts per neighbour and in all, how fast one
/// neighbour builds, and the memory that all granted windows add up to. Memory is reserved before it is granted: a
/// circuit that is let in has its whole windows.
///
/// Belongs to one event loop (each with its share of the totals), or is behind a lock.
package struct CircuitAllowance {
    private struct Neighbour {
        var count = 0
        var builds = 0
        var intervalStart: MonotonicInstant
    }

    private let limits: RelayLimits
    private var neighbours: [SessionID: Neighbour] = [:]

    /// Circuits let in and not yet over.
    package private(set) var count = 0

    /// Nothing is let in yet.
    package init(limits: RelayLimits) { self.limits = limits }

    /// Bytes that one circuit may make us hold: both windows of a hop.
    package var byteCountPerCircuit: Int { 2 * limits.windowCells * Cell.byteCount }

    /// A neighbour begins a circuit. `false`: answer with ``CircuitEnd/refused``. Else tell ``closed(by:)`` at its end.
    package mutating func opened(by session: SessionID, at now: MonotonicInstant) -> Bool {
        var neighbour = neighbours[session] ?? Neighbour(intervalStart: now)
        defer { neighbours[session] = neighbour }
        if now - neighbour.intervalStart >= limits.buildInterval {
            neighbour.intervalStart = now
            neighbour.builds = 0
        }
        neighbour.builds += 1
        guard neighbour.builds <= limits.buildsPerInterval, neighbour.count < limits.circuitsPerPeer,
            count < limits.circuitsTotal, (count + 1) * byteCountPerCircuit <= limits.windowBytesTotal
        else { return false }
        neighbour.count += 1
        count += 1
        return true
    }

    /// A circuit that was let in is over.
    package mutating func closed(by session: SessionID) {
        guard let neighbour = neighbours[session], neighbour.count > 0 else { return }
        neighbours[session]?.count -= 1
        count -= 1
    }

    /// The session with a neighbour is over, and its circuits with it.
    package mutating func forget(_ session: SessionID) {
        count -= neighbours.removeValue(forKey: session)?.count ?? 0
    }
}
