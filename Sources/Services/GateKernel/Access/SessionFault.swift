import GateAccess
import GateLink
import GateModel
import GateSession
import GateStore

/// Whom the end of a connection costs reputation, and how much: faults inside records that authenticated, nothing else.
///
/// | fault | a node that has proven itself | an anonymous peer, direct | an anonymous peer over a circuit |
/// | --- | --- | --- | --- |
/// | what no correct node sends | the UUID, severe | its address, minor | nobody |
/// | a credit or bound exceeded | the UUID, moderate | its address, minor | nobody |
///
/// What comes before, or fails the tag, may be forged or the path's fault: it costs the address waiting
/// (`AttemptLimiter`), no reputation. What comes over a circuit never costs the last relay anything.
struct SessionFault: Equatable {
    let subject: AccessSubject
    let fault: ReputationFault

    /// `nil` where nobody is charged. `address` is that of a connection which the other side opened, if any.
    init?(_ failure: SessionFailure, by peer: PeerName, from address: IPAddress?) {
        let proven: ReputationFault
        switch failure {
        case .protocolViolation: proven = .severe
        case .limitExceeded: proven = .moderate
        case .unintelligible, .handshakeFailed, .noCommonVersion, .noCommonSuite, .puzzleUnsolved, .puzzleTooHard,
            .certificateRefused, .notAdmitted, .handshakeTimedOut, .recordRefused, .idle, .keyUpdateTimedOut,
            .closedByPeer, .closed:
            return nil
        }
        switch peer {
        case .node(let node):
            subject = .node(node)
            fault = proven
        case .anonymous:
            guard let address, !address.isLoopback else { return nil }
            subject = .host(address)
            fault = .minor
        }
    }
}
