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

/// Signs link certificates for one node. Its key is the operator's; the database's vault may hold a sealed copy.
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
        let certificate = try CredentialFile.read(path)
        let key = try CredentialFile.readSecret("\(directory)/\(LinkCredential.File.key)")
        guard let authority = LinkAuthority(certificate: certificate, key: key) else { throw .malformed(path: path) }
        return authority
    }

    /// Reads what ``texts()`` gives; `nil` for anything else, a key of another certificate included.
    package init?(certificate: String, key: String) {
        guard let certificate = try? Certificate(pemEncoded: certificate),
            let key = try? Certificate.PrivateKey(pemEncoded: key), key.publicKey == certificate.publicKey,
            let leaf = try? LinkLeaf(certificate), leaf.uris.count == 1, let uri = leaf.uris.first,
            uri.hasPrefix("spiffe://"), let node = NodeUUID(text: uri.dropFirst("spiffe://".count))
        else { return nil }
        self.init(node: node, certificate: certificate, key: key)
    }

    private init(node: NodeUUID, certificate: Certificate, key: Certificate.PrivateKey) {
        self.node = node
        self.certificate = certificate
        self.key = key
    }

    /// Certificate and key as PEM. The key is the node's most powerful secret after its identity.
    package func texts() throws(LinkCredentialFailure) -> (certificate: String, key: String) {
        do {
            return (try certificate.serializeAsPEM().pemString, try key.serializeAsPEM().pemString)
        } catch {
            throw .signing("\(error)")
        }
    }

    /// Writes `certificate.pem` and `key.pem`, mode 0600, as a whole folder in one step.
    package func write(to directory: String) throws(LinkCredentialFailure) {
        let texts = try texts()
        try CredentialFile.replace(
            directory,
            with: [(LinkCredential.File.certificate, texts.certificate), (LinkCredential.File.key, texts.key)])
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
            let leaf = try sign(.init(leafKey.publicKey), uris: uris, lifetime: lifetime, now: now)
            return IssuedCredential(
                certificate: try leaf.serializeAsPEM().pemString, key: leafKey.pemRepresentation,
                authority: try certificate.serializeAsPEM().pemString)
        } catch {
            throw .signing("\(error)")
        }
    }

    /// Signs a certificate (DER) of this name for the key of a request that its holder made (``LinkKey/request()``).
    package func certify(
        request bytes: [UInt8], as name: LinkName, lifetime: Duration, now: UnixTime = .now()
    ) throws(LinkCredentialFailure) -> [UInt8] {
        guard name.node == node else { throw .badName(name.description) }
        do {
            let request = try CertificateSigningRequest(derEncoded: bytes)
            guard P256.Signing.PublicKey(request.publicKey) != nil,
                request.publicKey.isValidSignature(request.signature, for: request)
            else { throw LinkCredentialFailure.signing("the request is not signed by a P-256 key that is its own") }
            let leaf = try sign(request.publicKey, uris: [name.description], lifetime: lifetime, now: now)
            var serializer = DER.Serializer()
            try serializer.serialize(leaf)
            return serializer.serializedBytes
        } catch {
            throw .signing("\(error)")
        }
    }

    private func sign(
        _ publicKey: Certificate.PublicKey, uris: [String], lifetime: Duration, now: UnixTime
    ) throws -> Certificate {
        try Certificate(
            version: .v3, serialNumber: .init(), publicKey: publicKey,
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
    }
}
