import GateLink
import GateModel
import NIOSSL
import SwiftASN1
import X509

/// What a leaf certificate says of its holder; read with swift-certificates after TLS has checked the chain.
struct LinkLeaf {
    let uris: [String]
    let validity: ClosedRange<UnixTime>

    init(derBytes: [UInt8]) throws(LinkDistrust) {
        do {
            try self.init(Certificate(derEncoded: derBytes))
        } catch {
            throw .unreadable
        }
    }

    init(_ certificate: Certificate) throws {
        let names = try certificate.extensions.subjectAlternativeNames ?? SubjectAlternativeNames()
        uris = names.compactMap {
            guard case .uniformResourceIdentifier(let uri) = $0 else { return nil }
            return uri
        }
        let start = UnixTime(certificate.notValidBefore)
        validity = start...max(start, UnixTime(certificate.notValidAfter))
    }
}

/// Applies ``LinkJudgement`` to a certificate that TLS hands over.
enum LinkTrust {
    /// Who the other side is, and until when; or why it is not believed.
    static func judge(
        _ certificate: NIOSSLCertificate?, node: NodeUUID, roles: Set<LinkRoleKind>, process: String? = nil,
        at now: UnixTime
    ) throws(LinkDistrust) -> (name: LinkName, notAfter: UnixTime) {
        guard let certificate, let bytes = try? certificate.toDERBytes() else { throw .unreadable }
        let leaf = try LinkLeaf(derBytes: bytes)
        let name = try LinkJudgement.judge(
            uris: leaf.uris, validity: leaf.validity, node: node, roles: roles, process: process, at: now
        ).get()
        return (name, leaf.validity.upperBound)
    }

    /// Why TLS refused a certificate, as far as the certificate itself tells; for logs only.
    static func explain(
        _ certificate: NIOSSLCertificate?, node: NodeUUID, roles: Set<LinkRoleKind>, at now: UnixTime
    ) -> String {
        guard let certificate else { return "no certificate was shown" }
        do {
            let (name, _) = try judge(certificate, node: node, roles: roles, at: now)
            return "the certificate of \(name) is not signed by this node's link authority"
        } catch {
            return "the certificate is not good: \(error)"
        }
    }
}
