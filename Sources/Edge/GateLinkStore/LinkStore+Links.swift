import Foundation
import GateLink
package import GateStore

extension LinkStore: AuthorityKeeper {
    /// A certificate (DER) under a new name, for who shows a join credential. See `LinkKey.request`.
    package func joinLink(request: [UInt8]) async throws(StoreFailure) -> [UInt8] {
        try await sign(.linkJoin, request)
    }

    /// A new certificate (DER) under the name of who joined before.
    package func renewLink(request: [UInt8]) async throws(StoreFailure) -> [UInt8] {
        try await sign(.linkRenew, request)
    }

    /// Puts the link authority into the vault, so that the database service can sign for those who join.
    package func keepAuthority(certificate: String, key: String) async throws(StoreFailure) {
        var body = WireBlob()
        body.bytes = Data("\(certificate)\n\(key)".utf8)
        try await tell(.linkAuthority, body)
    }

    private func sign(_ method: StoreMethod, _ request: [UInt8]) async throws(StoreFailure) -> [UInt8] {
        var body = WireBlob()
        body.bytes = Data(request)
        return Array(try await ask(method, body, as: WireBlob.self).bytes)
    }
}
