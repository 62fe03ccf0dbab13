import Crypto
import SwiftASN1
import X509

/// A fresh link key in memory, never written, for which a certificate is to be asked.
package struct LinkKey: Sendable {
    private let key = P256.Signing.PrivateKey()

    package init() {}

    /// A certificate signing request (PKCS #10, DER): the public key, signed by the key itself, and no name; the name is
    /// the signer's to give.
    package func request() throws(LinkCredentialFailure) -> [UInt8] {
        do {
            let request = try CertificateSigningRequest(
                version: .v1, subject: DistinguishedName(), privateKey: Certificate.PrivateKey(key),
                attributes: CertificateSigningRequest.Attributes(), signatureAlgorithm: .ecdsaWithSHA256)
            var serializer = DER.Serializer()
            try serializer.serialize(request)
            return serializer.serializedBytes
        } catch {
            throw .signing("\(error)")
        }
    }

    /// The credential of this key's certificate (DER); fails where it is another key's.
    package func credential(
        certificate bytes: [UInt8], authority: String
    ) throws(LinkCredentialFailure) -> LinkCredential {
        let certificate: Certificate
        let text: String
        do {
            certificate = try Certificate(derEncoded: bytes)
            text = try certificate.serializeAsPEM().pemString
        } catch {
            throw .signing("the answer is no certificate: \(error)")
        }
        guard P256.Signing.PublicKey(certificate.publicKey)?.rawRepresentation == key.publicKey.rawRepresentation else {
            throw .signing("the certificate is for another key")
        }
        return try LinkCredential(
            IssuedCredential(certificate: text, key: key.pemRepresentation, authority: authority))
    }
}

extension LinkCredentialSource {
    /// The authority's certificate in a credential's folder.
    package static func authority(in directory: String) throws(LinkCredentialFailure) -> String {
        try CredentialFile.read("\(directory)/\(LinkCredential.File.authority)")
    }
}
