import Crypto
package import GateLink
package import GateModel
import NIOCore
import NIOSSL
import SwiftASN1
import Synchronization
import X509

/// Why a credential or an authority cannot be used.
package enum LinkCredentialFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The file is missing or may not be read or written.
    case noAccess(path: String, reason: String)
    /// Others than its owner may read the file.
    case notPrivate(path: String)
    /// The file holds something else.
    case malformed(path: String)
    /// The name is empty, too long, or has a character that names have not.
    case badName(String)
    /// The certificate names no role of ours.
    case distrusted(path: String, LinkDistrust)
    case signing(String)

    package var description: String {
        switch self {
        case .noAccess(let path, let reason): "\(path): \(reason)"
        case .notPrivate(let path): "\(path): others may read it; run chmod 600 \(path)"
        case .malformed(let path): "\(path): not what this file must hold"
        case .badName(let name): "\(name): a link name has 1 to 63 of a-z A-Z 0-9 . _ -"
        case .distrusted(let path, let distrust): "\(path): \(distrust)"
        case .signing(let reason): "signing failed: \(reason)"
        }
    }
}

/// A certificate of the node's link authority with its private key: what a process shows on links.
package struct LinkCredential: Sendable {
    /// The files of a credential's folder.
    package enum File {
        package static let certificate = "certificate.pem"
        package static let key = "key.pem"
        package static let authority = "authority.pem"
    }

    /// Who the holder is.
    package let name: LinkName
    /// When the certificate ends.
    package let notAfter: UnixTime
    let serverContext: NIOSSLContext
    let clientContext: NIOSSLContext
    /// The certificate (DER).
    let leaf: [UInt8]
    /// Its key; `nil` where that is not of our kind, as another issuer may choose.
    let signingKey: P256.Signing.PrivateKey?
    /// Whose certificates are believed.
    let authorities: [Certificate]

    /// Reads `certificate.pem`, `key.pem` and `authority.pem` in `directory`.
    package static func load(from directory: String) throws(LinkCredentialFailure) -> LinkCredential {
        let certificatePath = "\(directory)/\(File.certificate)"
        return try LinkCredential(
            IssuedCredential(
                certificate: try CredentialFile.read(certificatePath),
                key: try CredentialFile.readSecret("\(directory)/\(File.key)"),
                authority: try CredentialFile.read("\(directory)/\(File.authority)")),
            path: directory)
    }

    /// Uses a credential that was just issued, without files.
    package init(_ issued: IssuedCredential) throws(LinkCredentialFailure) { try self.init(issued, path: "credential") }

    private init(_ issued: IssuedCredential, path: String) throws(LinkCredentialFailure) {
        let chain: [NIOSSLCertificate]
        let roots: [NIOSSLCertificate]
        let key: NIOSSLPrivateKey
        let leaf: LinkLeaf
        let bytes: [UInt8]
        do {
            chain = try NIOSSLCertificate.fromPEMBytes(Array(issued.certificate.utf8))
            roots = try NIOSSLCertificate.fromPEMBytes(Array(issued.authority.utf8))
            key = try NIOSSLPrivateKey(bytes: Array(issued.key.utf8), format: .pem)
            guard let first = chain.first, !roots.isEmpty else { throw LinkCredentialFailure.malformed(path: path) }
            bytes = try first.toDERBytes()
            leaf = try LinkLeaf(derBytes: bytes)
            authorities = try roots.map { try Certificate(derEncoded: $0.toDERBytes()) }
        } catch {
            throw .malformed(path: path)
        }
        guard leaf.uris.count == 1, let name = leaf.uris.first.flatMap({ LinkName(uri: $0) }) else {
            throw .distrusted(path: path, .malformedName)
        }
        self.name = name
        notAfter = leaf.validity.upperBound
        self.leaf = bytes
        signingKey = try? P256.Signing.PrivateKey(pemRepresentation: issued.key)
        do {
            serverContext = try NIOSSLContext(configuration: .linkServer(chain: chain, key: key, roots: roots))
            clientContext = try NIOSSLContext(configuration: .linkClient(chain: chain, key: key, roots: roots))
        } catch {
            throw .malformed(path: path)
        }
    }
}

extension TLSConfiguration {
    fileprivate static func linkServer(
        chain: [NIOSSLCertificate], key: NIOSSLPrivateKey, roots: [NIOSSLCertificate]
    ) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.useLinkRules(roots: roots)
        return configuration
    }

    fileprivate static func linkClient(
        chain: [NIOSSLCertificate], key: NIOSSLPrivateKey, roots: [NIOSSLCertificate]
    ) -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        configuration.useLinkRules(roots: roots)
        return configuration
    }

    /// TLS 1.3 only; both sides show a certificate of our authority; who may hold it is ``LinkJudgement``'s to say.
    private mutating func useLinkRules(roots: [NIOSSLCertificate]) {
        minimumTLSVersion = .tlsv13
        certificateVerification = .noHostnameVerification
        trustRoots = .certificates(roots)
        renegotiationSupport = .none
        shutdownTimeout = .seconds(2)
    }
}

/// Where a process takes its credential from: a folder that is read again when it has changed, or a fixed value.
///
/// So a renewed certificate serves new links without a restart. All who share a source follow it.
package final class LinkCredentialSource: Sendable {
    private struct State {
        var credential: LinkCredential
        var stamp: CredentialFile.Stamp?
    }

    private let directory: String?
    private let state: Mutex<State>

    /// Reads the folder once now; fails if it cannot.
    package init(directory: String) throws(LinkCredentialFailure) {
        self.directory = directory
        let stamp = CredentialFile.stamp(of: "\(directory)/\(LinkCredential.File.certificate)")
        state = Mutex(State(credential: try .load(from: directory), stamp: stamp))
    }

    /// Puts another credential in place; for sources without a folder.
    package func use(_ credential: LinkCredential) { state.withLock { $0.credential = credential } }

    /// This credential, until another is put in place.
    package init(_ credential: LinkCredential) {
        directory = nil
        state = Mutex(State(credential: credential, stamp: nil))
    }

    /// The folder's credential. One that cannot be read (any more) leaves the last good one in use.
    package func current() -> LinkCredential {
        state.withLock { state in
            guard let directory else { return state.credential }
            let stamp = CredentialFile.stamp(of: "\(directory)/\(LinkCredential.File.certificate)")
            if let stamp, stamp != state.stamp, let renewed = try? LinkCredential.load(from: directory) {
                state = State(credential: renewed, stamp: stamp)
            }
            return state.credential
        }
    }
}
