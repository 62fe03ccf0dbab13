import Crypto
import GateLink
import GateModel
import GateTelemetry
import Logging
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// Lets a link outlive the certificate that opened it: whoever has renewed its own shows the new one on the open link.
///
/// A request of the method `link.certificate`, which either side may send and the transport answers by itself:
///
/// | bytes | what |
/// | --- | --- |
/// | 2 + n | length and the new certificate (DER), signed by an authority that the receiver trusts, of the same name |
/// | rest | ECDSA P-256 signature (DER) with the new certificate's key over: `QuantumGate link certificate v1` ‖ the certificate that the sender showed in this link's handshake (DER) ‖ the new certificate (DER) |
final class LinkRenewal {
    static let method = "link.certificate"
    /// The request's id, which no other request has; its reply is of no interest to the sender.
    static let requestID = UInt32.max

    private static let label = Array("QuantumGate link certificate v1".utf8)
    private static let bodyBytesMax = 8192

    private let shown: LinkCredential
    private let source: LinkCredentialSource
    private var toldUntil: UnixTime

    /// - Parameters:
    ///   - shown: what this side showed in the handshake.
    ///   - source: where a renewed one will be.
    init(shown: LinkCredential, source: LinkCredentialSource) {
        self.shown = shown
        self.source = source
        toldUntil = shown.notAfter
    }

    /// The request to send, once after each renewal; `nil` where there is none to send.
    func request() -> LinkRequest? {
        let current = source.current()
        guard current.notAfter > toldUntil, current.name == shown.name else { return nil }
        toldUntil = current.notAfter
        guard let key = current.signingKey,
            let signature = try? key.signature(for: LinkRenewal.signedBytes(shown.leaf, current.leaf))
        else { return nil }
        var body = ByteBuffer()
        body.writeInteger(UInt16(clamping: current.leaf.count))
        body.writeBytes(current.leaf)
        body.writeBytes(signature.derRepresentation)
        return LinkRequest(method: LinkRenewal.method, deadlineMilliseconds: 0, body: body)
    }

    /// Until when the other side is believed by its new certificate, or why it is not.
    ///
    /// - Parameters:
    ///   - leaf: what the other side showed in the handshake (DER).
    func end(
        of body: ByteBuffer, from peer: LinkPeer, shown leaf: [UInt8], at now: UnixTime
    ) throws(LinkDistrust) -> UnixTime {
        var body = body
        guard body.readableBytes <= LinkRenewal.bodyBytesMax, let length: UInt16 = body.readInteger(),
            let bytes = body.readBytes(length: Int(length)), let certificate = try? Certificate(derEncoded: bytes),
            shown.authorities.contains(where: { $0.hasSigned(certificate) }),
            let key = P256.Signing.PublicKey(certificate.publicKey),
            let signature = try? P256.Signing.ECDSASignature(derRepresentation: Array(body.readableBytesView)),
            key.isValidSignature(signature, for: LinkRenewal.signedBytes(leaf, bytes)),
            let fresh = try? LinkLeaf(certificate)
        else { throw .unreadable }
        let name = try LinkJudgement.judge(
            uris: fresh.uris, validity: fresh.validity, node: peer.name.node, roles: [peer.name.role.kind], at: now
        ).get()
        guard name == peer.name else { throw .malformedName }
        return fresh.validity.upperBound
    }

    /// What the other side gets for an answer, and until when it is believed from now on; `nil` where that is as before.
    ///
    /// - Parameters:
    ///   - certificate: what the other side showed in the handshake.
    func answer(
        to body: ByteBuffer, from peer: LinkPeer, shown certificate: NIOSSLCertificate?, _ logger: Logger
    ) -> (LinkReply, UnixTime?) {
        guard let leaf = try? certificate?.toDERBytes() else { return (LinkReply(status: .failed), nil) }
        do {
            let end = try end(of: body, from: peer, shown: leaf, at: .now())
            logger.debug("link certificate renewed", metadata: [LogKey.link: "\(peer.name)"])
            return (LinkReply(status: .done), end)
        } catch {
            logger.warning(
                "a newer link certificate is not believed",
                metadata: [LogKey.link: "\(peer.name)", LogKey.reason: "\(error)"])
            return (LinkReply(status: .refused, reason: "\(error)"), nil)
        }
    }

    private static func signedBytes(_ old: [UInt8], _ new: [UInt8]) -> [UInt8] { label + old + new }
}

extension Certificate {
    fileprivate func hasSigned(_ leaf: Certificate) -> Bool {
        subject == leaf.issuer && publicKey.isValidSignature(leaf.signature, for: leaf)
    }
}
