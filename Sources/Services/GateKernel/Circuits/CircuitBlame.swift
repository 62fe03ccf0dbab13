import GateCrypto
import GateModel
import GateRelay

/// A circuit that came to nothing, and after how many of its relays were in.
struct FailedBuild: Error {
    let failure: CircuitFailure
    let joinedCount: Int

    /// Whom that speaks against. Relays that fail in silence are held to what is known: how far the circuit had come.
    func blame(_ path: [NodeRecord], to destination: NodeRecord) -> CircuitBlame? {
        let position =
            switch failure {
            case .badPath: Int?.none
            case .unreachable(let position), .handshake(let position): position
            case .ended, .violation, .tooSlow, .exhausted: joinedCount
            }
        guard let position, position <= path.count else { return nil }
        if position == 0 { return path.first.map { .firstHop($0.node) } }
        let isLast = position == path.count
        return .link(
            path[position - 1].node, isLast ? destination.node : path[position].node, isDestination: isLast)
    }

    var reason: String {
        switch failure {
        case .unreachable(let position), .handshake(let position):
            "relay \(position + 1) of the path is unreachable"
        case .badPath: "the path does not do, or a record on it has no suite in common with us"
        case .ended, .violation, .tooSlow, .exhausted: "the circuit failed: \(failure)"
        }
    }
}

/// Whom a failed circuit speaks against.
enum CircuitBlame: Equatable {
    /// The first relay, which we dialled ourselves.
    case firstHop(NodeUUID)
    /// A relay and the node after it: either may have failed, or lied.
    case link(NodeUUID, NodeUUID, isDestination: Bool)
}
