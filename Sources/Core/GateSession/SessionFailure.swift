package import GateCrypto
package import GateWire

/// Why a handshake or session ended.
package enum SessionFailure: Error, Hashable, Sendable {
    /// What arrived does not open under our keys, is stale, or was seen before: nothing was answered, bytes were read
    /// on until the handshake's time was over. Wrong UUID, secret or clock on one of the two sides; or noise.
    case unintelligible
    /// The handshake's cryptography failed.
    case handshakeFailed
    /// The other side's versions or context do not fit ours.
    case noCommonVersion
    /// Of some class of algorithms the responder takes none that the initiator offered. To an initiator that is what
    /// who answered says, not proven.
    case noCommonSuite(offered: SuiteOffers, taken: SuiteOffers)
    /// The dialler brought no solution of the puzzle that it was asked for.
    case puzzleUnsolved
    /// The node that was dialled asks for a harder puzzle than any is solved.
    case puzzleTooHard(effort: UInt8)
    /// The other side's certificate does not hold, or names another node than the one dialled.
    case certificateRefused
    /// Access control refused the other side.
    case notAdmitted
    /// The handshake took too long.
    case handshakeTimedOut
    /// A record's tag or length was wrong: somebody changed bytes, or the other side is broken.
    case recordRefused
    /// An authentic record held what no correct node sends.
    case protocolViolation
    /// A credit or bound was exceeded.
    case limitExceeded
    /// Nothing was heard for the idle time, pings included.
    case idle
    /// A key update did not finish in its time.
    case keyUpdateTimedOut
    /// The other side said goodbye.
    case closedByPeer(SessionCloseReason)
    /// We said goodbye.
    case closed(SessionCloseReason)

    /// Whether the fault is inside what authenticated, so that a UUID rather than an address is charged.
    package var isAuthenticated: Bool {
        switch self {
        case .protocolViolation, .limitExceeded: true
        case .unintelligible, .handshakeFailed, .noCommonVersion, .noCommonSuite, .puzzleUnsolved, .puzzleTooHard,
            .certificateRefused, .notAdmitted, .handshakeTimedOut, .recordRefused, .idle, .keyUpdateTimedOut,
            .closedByPeer, .closed:
            false
        }
    }

    /// Whether the other side may not learn from the connection's end what this side made of its bytes.
    package var isSilent: Bool {
        switch self {
        case .unintelligible, .handshakeTimedOut, .recordRefused: true
        case .handshakeFailed, .noCommonVersion, .noCommonSuite, .puzzleUnsolved, .puzzleTooHard, .certificateRefused,
            .notAdmitted, .protocolViolation, .limitExceeded, .idle, .keyUpdateTimedOut, .closedByPeer, .closed:
            false
        }
    }
}
