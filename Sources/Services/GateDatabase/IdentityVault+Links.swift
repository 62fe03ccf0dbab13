package import GateCrypto
package import GateLink
import GateLinkStore
package import GateLinkTransport
package import GateModel
package import GateStore

/// The link authority's key lies sealed in the store's row `link-authority`; it is opened for the moment of each
/// signature, so that every replica of the database service follows a change at once.
extension IdentityVault: LinkCertifier {
    static let authorityRow = "link-authority"

    package func certifyLink(_ name: LinkName, request: [UInt8]) async throws(StoreFailure) -> [UInt8] {
        let authority = try await authority()
        do throws(LinkCredentialFailure) {
            return try authority.certify(request: request, as: name, lifetime: JoinedLink.lifetime)
        } catch {
            throw .invalid("the request for a link certificate: \(error)")
        }
    }

    package func keepAuthority(certificate: String, key text: String) async throws(StoreFailure) {
        guard let authority = LinkAuthority(certificate: certificate, key: text) else {
            throw .invalid("an authority is a certificate and its key")
        }
        try await IdentityVault.keep(authority, of: node, in: store, key: key)
    }

    /// Seals an authority into the vault of its node, in place of one that is there.
    package static func keep(
        _ authority: LinkAuthority, of node: NodeUUID, in store: any VaultStore, key: GuardedSecret
    ) async throws(StoreFailure) {
        guard authority.node == node else { throw .invalid("the authority is another node's") }
        guard let texts = try? authority.texts() else { throw .invalid("the authority can't be written") }
        let sealed: [UInt8]
        do {
            sealed = try Vault.seal(
                Array("\(texts.certificate)\n\0\(texts.key)".utf8), label: .vaultLinkAuthority,
                context: node.value.bytes, with: key)
        } catch { throw .unavailable }
        try await store.putVaultRow(authorityRow, sealed, replacing: true)
    }

    private func authority() async throws(StoreFailure) -> LinkAuthority {
        guard let sealed = try await store.vaultRow(IdentityVault.authorityRow) else {
            throw .invalid("the vault holds no link authority; run `quantumgate credential authority --store`")
        }
        let opened: GuardedSecret
        do throws(VaultFailure) {
            opened = try Vault.open(
                sealed, label: .vaultLinkAuthority, context: node.value.bytes, with: key)
        } catch {
            throw error == .malformed ? .damaged("the link authority's row in the vault is none") : .wrongVaultKey
        }
        let parts = opened.withUnsafeBytes { bytes in
            bytes.split(separator: 0, maxSplits: 1).map { String(decoding: $0, as: UTF8.self) }
        }
        guard parts.count == 2, let authority = LinkAuthority(certificate: parts[0], key: parts[1]),
            authority.node == node
        else { throw .damaged("the link authority's row in the vault is none") }
        return authority
    }
}
