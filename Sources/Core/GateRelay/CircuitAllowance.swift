package import GateModel

/// Whether another circuit may pass through or end at this worker: counts per neighbour and in all, how fast one
/// neighbour builds, and the memory that all granted windows add up to. Memory is reserved before it is granted: a
/// circuit that is let in has its whole windows.
///
/// A neighbour is a node whatever its sessions, or a session that shows none. One value serves a worker, behind a lock.
package struct CircuitAllowance {
    /// Who begins circuits.
    package enum Opener: Hashable, Sendable {
        case node(NodeUUID)
        case anonymous(SessionID)
    }

    /// Neighbours that are remembered although they have no circuit, for how fast they build.
    static let restingMax = 4096

    private struct Neighbour {
        var count = 0
        var builds = 0
        var intervalStart: MonotonicInstant
    }

    private var neighbours: [Opener: Neighbour] = [:]

    /// Circuits let in and not yet over.
    package private(set) var count = 0

    /// Nothing is let in yet.
    package init() {}

    /// A neighbour begins a circuit. `false`: answer with ``CircuitEnd/refused``. Else tell ``closed(by:)`` at its end.
    package mutating func opened(by opener: Opener, within limits: RelayLimits, at now: MonotonicInstant) -> Bool {
        // Bytes that one circuit may make us hold: both windows of a hop.
        let byteCountPerCircuit = 2 * limits.windowCells * Cell.byteCount
        forgetResting(limits, at: now)
        var neighbour = neighbours[opener] ?? Neighbour(intervalStart: now)
        defer { neighbours[opener] = neighbour }
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
    package mutating func closed(by opener: Opener) {
        guard let neighbour = neighbours[opener], neighbour.count > 0 else { return }
        neighbours[opener]?.count -= 1
        count -= 1
    }

    private mutating func forgetResting(_ limits: RelayLimits, at now: MonotonicInstant) {
        guard neighbours.count > CircuitAllowance.restingMax + count else { return }
        neighbours = neighbours.filter { $0.value.count > 0 || now - $0.value.intervalStart < limits.buildInterval }
    }
}
