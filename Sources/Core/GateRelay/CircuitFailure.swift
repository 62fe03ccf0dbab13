/// Why a circuit ended, as told from neighbour to neighbour in `circuitDestroy`, one byte. Says no more than it must.
package enum CircuitEnd: UInt8, Error, Sendable, CaseIterable {
    /// No reason given, or one that we don't know.
    case unspecified = 0
    /// The origin or the destination is done with it.
    case finished = 1
    /// A cell did not open, or was not what the circuit's state allows, or came beyond the credit.
    case violation = 2
    /// The neighbour has no room for it, or does not relay, or refuses its endpoint role.
    case refused = 3
    /// Built too slowly, idle too long, or too old.
    case expired = 4
    /// The session that carried it to the next neighbour ended.
    case lost = 5

    /// Reads the byte of `circuitDestroy`; an unknown one is ``unspecified``.
    package init(wire: UInt8) { self = CircuitEnd(rawValue: wire) ?? .unspecified }
}

/// Why an origin's circuit never came to be, or ended.
package enum CircuitFailure: Error, Equatable, Sendable {
    /// A relay or the destination could not be reached from the hop before it. `position` 0 is the first relay.
    case unreachable(position: Int)
    /// The hop handshake with the relay at `position` failed: not who it should be, or damaged on the way.
    case handshake(position: Int)
    /// The path is empty, longer than ``RelayLimits/relaysMax``, names a node twice, or a record offers no suite of ours.
    case badPath
    /// A neighbour ended it.
    case ended(CircuitEnd)
    /// A cell from the first hop did not open, or said what the state does not allow.
    case violation
    /// Not built in time.
    case tooSlow
    /// Its cells, or its lifetime, are used up.
    case exhausted
}
