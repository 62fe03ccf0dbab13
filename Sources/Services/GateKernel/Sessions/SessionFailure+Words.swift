import GateCrypto
import GateModel
import GateSession
import GateWire

extension SessionFailure {
    /// What happened, for logs, listings and extenders: without reflection, since every session ends.
    var words: String {
        switch self {
        case .unintelligible: "what came does not open: wrong UUID, secret or clock, a replay, or noise"
        case .handshakeFailed: "the handshake's cryptography failed"
        case .noCommonVersion: "no version in common, or a context that is not for here"
        case .noCommonSuite(let offered, let taken):
            offered.unlike(taken).map { "no common suite: it offers \($0.own), we take \($0.other)" }
                ?? "a circuit brought a suite that is not taken here: the record that its origin has is old"
        case .puzzleUnsolved: "it brought no solution of the puzzle that it was asked for"
        case .puzzleTooHard(let effort):
            "the node asks for a puzzle of \(effort) bits; this one solves \(PuzzleEffort.most) at most"
        case .certificateRefused: "the certificate does not hold"
        case .notAdmitted: "not admitted"
        case .handshakeTimedOut: "the handshake took too long"
        case .recordRefused: "a record's tag is wrong"
        case .protocolViolation: "the protocol was broken"
        case .limitExceeded: "a limit was exceeded"
        case .idle: "nothing was heard"
        case .keyUpdateTimedOut: "a key update did not finish in time"
        case .closedByPeer(let reason): "the other side closed: " + reason.words
        case .closed(let reason): "closed here: " + reason.words
        }
    }
}

extension SessionCloseReason {
    /// Why, from the side that closes.
    fileprivate var words: String {
        switch self {
        case .done: "done"
        case .goingAway: "going away"
        case .idle: "nothing was heard"
        case .duplicate: "another session stays"
        case .notAllowed: "not allowed"
        case .protocolViolation: "the protocol was broken"
        case .limitExceeded: "a limit was exceeded"
        case .certificateExpired: "the certificate ran out"
        case .overloaded: "overloaded"
        default: "reason \(rawValue)"
        }
    }
}
