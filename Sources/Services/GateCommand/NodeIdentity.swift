internal import GateDatabase
internal import GateLink
internal import GateLinkStore
internal import GateLinkTransport
internal import GateModel
internal import GateSettings
internal import GateStore

/// The first rows of a new node's database.
enum NodeIdentity {
    /// The link name of the SOCKS5 extender that `quantumgate node` starts.
    static let socks5Name = "socks5-1"
    /// Settings that the SOCKS5 extender may read, by prefix.
    static let socks5Settings: Set<String> = ["socks5.", "relay.hops"]

    /// Makes vault key, database and identity, where wanted with an ML-DSA key, and grants the shipped extender what it
    /// needs.
    static func create(_ settings: LocalSettings, isPostQuantum: Bool) async throws -> NodeUUID {
        let place = try DatabasePlace(settings)
        let node = try await NodeDatabase.initialise(
            place, vaultKeyFile: settings.vaultKeyPath, isPostQuantum: isPostQuantum)
        let store = try await place.open()
        if let link = LinkName(node: node, role: .extender(ShippedExtender.socks5), name: socks5Name) {
            try await store.setRights(.attaching(link, settings: socks5Settings))
        }
        await store.close()
        return node
    }

    /// Puts a copy of the link authority into the vault of a node that is not running, so that its database service can
    /// sign certificates for those who join.
    static func keep(_ authority: LinkAuthority, _ settings: LocalSettings) async throws {
        let key = try VaultKeyFile.load(from: settings.vaultKeyPath)
        let store = try await DatabasePlace(settings).open()
        do {
            try await IdentityVault.keep(authority, of: authority.node, in: store, key: key)
        } catch {
            await store.close()
            throw error
        }
        await store.close()
    }
}
