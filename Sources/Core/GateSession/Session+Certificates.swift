import GateCrypto
import GateModel
import GateWire
import NIOCore

/// Fresh certificates of the other side's worker, from version 2 on.
extension Session {
    /// Judges one as in the handshake, but for admission. What is not the worker's breaks the protocol; what says nothing
    /// new, or would not hold now, is ignored.
    mutating func received(
        certificate bytes: ByteBuffer, wall: UnixTime, into events: inout [PeerEvent]
    ) -> SessionFailure? {
        var bytes = bytes
        guard speaksOfCertificates, case .node(let node, _, _) = established.peer, let known = certifiedUntil,
            let certificate = WorkerCertificate(from: &bytes), bytes.readableBytes == 0
        else { return .protocolViolation }
        // Costs no signature check: a peer can't have us work with what we know.
        guard certificate.notAfter.seconds >= known.seconds + Session.renewalSecondsMin else { return nil }
        do throws(CertificateFailure) {
            _ = try certificate.verify(
                expecting: node, staticKey: peerStaticKey, own: environment.node, at: wall,
                known: &environment.knownSignatures)
        } catch {
            switch error {
            case .notYetValid, .expired: return nil
            case .otherStaticKey, .otherNode, .ownNode, .badLifetime, .badSignature: return .protocolViolation
            }
        }
        certifiedUntil = certificate.notAfter
        events.append(.certified(certificate))
        return nil
    }

    /// How much longer a fresh certificate must hold: renewed at half of ten minutes at least it holds five more.
    static let renewalSecondsMin: Int64 = 60

    /// Whether the version has the message.
    var speaksOfCertificates: Bool { established.version >= PeerVersions.certificatesInSessions }
}
