import Crypto
import Foundation
package import GateLink
package import GateModel
import SwiftASN1
import X509

/// A fresh credential as PEM text, before it is written anywhere.
package struct IssuedCredential: Sendable {
    /// The leaf's certificate.
    package let certificate: String
    /// Its private key (PKCS #8).
    package let key: String
    /// The certificate that signed it.
    package let authority: String

    package init(certificate: String, key: String, authority: String) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }

    /// Writes the three files, mode 0600, and puts the folder in place in one step, whether there was one or not.
    package func write(to directory: String) throws(LinkCredentialFailure) {
        try CredentialFile.replace(
            directory,
            with: [
                (LinkCredential.File.certificate, certificate), (LinkCredential.File.key, key),
                (LinkCredential.File.authority, authority),
            ])
    }
}

/// Signs link certificates for one node. Its key stays with the operator.
package struct LinkAuthority: Sendable {
    /// How long an authority lives: ten years.
    package static let lifetimeDefault = Duration.seconds(3650 * 86_400)
    /// How long a credential lives unless asked otherwise: a year.
    package static let credentialLifetimeDefault = Duration.seconds(365 * 86_400)
    /// Certificates begin this much earlier, for clocks that are behind.
    static let backdating = Int64(600)

    /// The trust domain.
    package let node: NodeUUID
    private let certificate: Certificate
    private let key: Certificate.PrivateKey

    /// Makes a new key and a certificate for it.
    package static func create(
        node: NodeUUID, lifetime: Duration = lifetimeDefault, now: UnixTime = .now()
    ) throws(LinkCredentialFailure) -> LinkAuthority {
        do {
            let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
            let subject = try DistinguishedName { CommonName("QuantumGate links of \(node)") }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: key.publicKey,
                notValidBefore: (now + -backdating).date,
                notValidAfter: (now + lifetime.components.seconds).date,
                issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectAlternativeNames([.uniformResourceIdentifier("spiffe://\(node)")])
                },
                issuerPrivateKey: key)
            return LinkAuthority(node: node, certificate: certificate, key: key)
        } catch {
            throw .signing("\(error)")
        }
    }

    /// Reads `certificate.pem` and `key.pem` in `directory`.
    package static func load(from directory: String) throws(LinkCredentialFailure) -> LinkAuthority {
        let path = "\(directory)/\(LinkCredential.File.certificate)"
        let certificateText = try CredentialFile.read(path)
        let keyText = try CredentialFile.readSecret("\(directory)/\(LinkCredential.File.key)")
        guard let certificate = try? Certificate(pemEncoded: certificateText),
            let key = try? Certificate.PrivateKey(pemEncoded: keyText), key.publicKey == certificate.publicKey,
            let leaf = try? LinkLeaf(certificate), leaf.uris.count == 1, let uri = leaf.uris.first,
            uri.hasPrefix("spiffe://"), let node = NodeUUID(text: uri.dropFirst("spiffe://".count))
        else { throw .malformed(path: path) }
        return LinkAuthority(node: node, certificate: certificate, key: key)
    }

    /// Writes `certificate.pem` and `key.pem`, mode 0600, as a whole folder in one step.
    package func write(to directory: String) throws(LinkCredentialFailure) {
        let files: [(name: String, text: String)]
        do {
            files = [
                (LinkCredential.File.certificate, try certificate.serializeAsPEM().pemString),
                (LinkCredential.File.key, try key.serializeAsPEM().pemString),
            ]
        } catch {
            throw .signing("\(error)")
        }
        try CredentialFile.replace(directory, with: files)
    }

    /// Makes a key and signs a certificate that names `role` and `name` of this node.
    package func issue(
        role: LinkRole, name: String, lifetime: Duration = credentialLifetimeDefault, now: UnixTime = .now()
    ) throws(LinkCredentialFailure) -> IssuedCredential {
        guard let linkName = LinkName(node: node, role: role, name: name) else { throw .badName(name) }
        return try issue(uris: [linkName.description], lifetime: lifetime, now: now)
    }

    /// Signs any URIs, so that tests can make what must be refused.
    func issue(uris: [String], lifetime: Duration, now: UnixTime) throws(LinkCredentialFailure) -> IssuedCredential {
        do {
            let leafKey = P256.Signing.PrivateKey()
            let leaf = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: .init(leafKey.publicKey),
                notValidBefore: (now + -LinkAuthority.backdating).date,
                notValidAfter: min((now + lifetime.components.seconds).date, certificate.notValidAfter),
                issuer: certificate.subject, subject: DistinguishedName { CommonName("QuantumGate link") },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                    SubjectAlternativeNames(uris.map { .uniformResourceIdentifier($0) })
                },
                issuerPrivateKey: key)
            return IssuedCredential(
                certificate: try leaf.serializeAsPEM().pemString, key: leafKey.pemRepresentation,
                authority: try certificate.serializeAsPEM().pemString)
        } catch {
            throw .signing("\(error)")
        }
    }
}
