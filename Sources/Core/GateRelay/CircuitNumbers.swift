/// Allots circuit ids on one session: odd ones on the initiator's side, even ones on the responder's, each once.
package struct CircuitNumbers {
    private var following: UInt32?
    private let ownParity: UInt32

    /// Starts at 1 or 2.
    package init(isInitiator: Bool) {
        following = isInitiator ? 1 : 2
        ownParity = isInitiator ? 1 : 0
    }

    /// The next id, or `nil` once the session has used all of them (2³¹ circuits).
    package mutating func allot() -> UInt32? {
        guard let circuit = following else { return nil }
        let (next, overflow) = circuit.addingReportingOverflow(2)
        following = overflow ? nil : next
        return circuit
    }

    /// Whether the other side may open a circuit of this id: it has the other parity and isn't 0.
    package func mayBeOpenedByPeer(_ circuit: UInt32) -> Bool { circuit != 0 && circuit & 1 != ownParity }
}
