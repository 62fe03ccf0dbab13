import Foundation
package import GateCrypto
package import GateModel
package import GateStore

/// A node's identity, peers and settings as one sealed value, for a host program that keeps them itself.
///
/// | bytes | what |
/// | --- | --- |
/// | 1 | form, 1 |
/// | 2 + n | length and the identity, sealed with the host's key as in the vault |
/// | 4 | count of chunks |
/// | 4 + n each | length and chunk of the content, sealed with the host's key (`Vault`) |
///
/// The content is JSON of `Content`. A chunk's context is the identity's sealed bytes, the chunk's place and the count,
/// so that none can be left out, moved or taken from another export. Numbers are big-endian.
package enum NodeExport {
    /// The longest export that is read: some hundred thousand peers.
    package static let bytesMax = 256 << 20

    private static let form: UInt8 = 1
    private static let chunkBytes = 60 << 10

    /// Exports what is in `store` now, sealed with a 32-byte key that the host keeps.
    package static func sealed(
        of vault: IdentityVault, _ store: any SettingsStore & PeerStore, hostKey: GuardedSecret
    ) async throws(StoreFailure) -> [UInt8] {
        guard hostKey.count == Vault.keyByteCount else { throw .invalid("a host's key has 32 bytes") }
        let identity = try await vault.sealedIdentity(with: hostKey)
        let content = try await Content(of: store)
        guard let bytes = try? JSONEncoder().encode(content) else { throw .invalid("the content cannot be written") }
        return try sealed(bytes: Array(bytes), identity: identity, hostKey: hostKey)
    }

    /// The same of content that is written already and an identity that `hostKey` sealed (`IdentityKey.sealed`).
    package static func sealed(
        bytes: [UInt8], identity: [UInt8], hostKey: GuardedSecret
    ) throws(StoreFailure) -> [UInt8] {
        let starts = Array(stride(from: 0, to: bytes.count, by: chunkBytes))
        var export = [form] + number(identity.count, 2) + identity + number(starts.count, 4)
        for (index, start) in starts.enumerated() {
            let chunk = Array(bytes[start..<min(start + chunkBytes, bytes.count)])
            let context = identity + number(index, 4) + number(starts.count, 4)
            do {
                let sealed = try Vault.seal(chunk, label: .vaultExport, context: context, with: hostKey)
                export += number(sealed.count, 4) + sealed
            } catch { throw .unavailable }
        }
        return export
    }

    /// Puts an export into a store whose identity is the same or none, sealed there with `vaultKey`; settings and
    /// peers of the export replace those of the same key. `.conflict` if the store has another identity,
    /// `.wrongVaultKey` if a key does not open, `.damaged` if the value is no export.
    package static func restore(
        _ export: [UInt8], hostKey: GuardedSecret, into store: any NodeStore, vaultKey: GuardedSecret
    ) async throws(StoreFailure) -> NodeUUID {
        let (identity, content) = try open(export, hostKey)
        let node = identity.bundle.uuid
        if try await store.vaultRow(IdentityVault.row) != nil {
            guard try await IdentityVault.identity(in: store, key: vaultKey).bundle.uuid == node else {
                throw .conflict
            }
        } else {
            _ = try await IdentityVault.keep(identity, in: store, key: vaultKey)
        }
        try await content.write(to: store)
        return node
    }

    private static func open(
        _ export: [UInt8], _ hostKey: GuardedSecret
    ) throws(StoreFailure) -> (IdentityKey, Content) {
        guard export.count <= bytesMax, hostKey.count == Vault.keyByteCount else { throw damaged }
        var rest = export[...]
        guard take(1, &rest) == [form], let length = takeNumber(2, &rest), let row = take(length, &rest),
            let count = takeNumber(4, &rest), count <= bytesMax / chunkBytes + 1
        else { throw damaged }
        let identity: IdentityKey
        do { identity = try IdentityKey(unsealing: row, with: hostKey) } catch { throw failure(of: error) }
        var bytes = Data()
        for index in 0..<count {
            guard let length = takeNumber(4, &rest), let sealed = take(length, &rest) else { throw damaged }
            do {
                let context = row + number(index, 4) + number(count, 4)
                let chunk = try Vault.open(sealed, label: .vaultExport, context: context, with: hostKey)
                chunk.withUnsafeBytes { bytes.append(contentsOf: $0) }
            } catch { throw failure(of: error) }
        }
        guard rest.isEmpty, let content = try? JSONDecoder().decode(Content.self, from: bytes) else { throw damaged }
        return (identity, content)
    }

    private static let damaged = StoreFailure.damaged("this is no export of a node, or not all of one")

    private static func failure(of failure: VaultFailure) -> StoreFailure {
        switch failure {
        case .notAuthentic: .wrongVaultKey
        case .malformed: damaged
        case .memory: .unavailable
        }
    }

    private static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    private static func takeNumber(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> Int? {
        take(count, &rest)?.reduce(0) { $0 << 8 | Int($1) }
    }

    private static func take(_ count: Int, _ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }
}

extension NodeExport {
    /// What is exported beside the identity.
    struct Content: Codable {
        var settings: [String: String] = [:]
        var peers: [Peer] = []
    }

    struct Peer: Codable {
        var node: String
        var bundleHash: Data?
        var endpoints: [String]
        var access: UInt8
        var isRelay: Bool
        var features: UInt64
        var record: Data
        var firstSeen: Int64?
        var lastSeen: Int64?
        var note: String
    }
}

extension NodeExport.Content {
    init(of store: any SettingsStore & PeerStore) async throws(StoreFailure) {
        for row in try await store.settings() { settings[row.key] = row.value }
        var after: NodeUUID?
        while true {
            let page = try await store.peers(PeerFilter(), after: after, limit: StoreLimit.pageRows)
            guard let last = page.last else { return }
            peers += page.map(NodeExport.Peer.init)
            after = last.node
        }
    }

    func write(to store: any SettingsStore & PeerStore) async throws(StoreFailure) {
        for (key, value) in settings.sorted(by: { $0.key < $1.key }) {
            // A setting of another version is left out, as it would not be served either.
            guard (try? NodeSettings.definition(of: key).check(value)) != nil else { continue }
            _ = try await store.set(key, to: value, by: "import", expecting: nil)
        }
        for peer in peers { try await peer.write(to: store) }
    }
}

extension NodeExport.Peer {
    init(_ row: PeerRow) {
        self.init(
            node: row.node.description, bundleHash: row.bundleHash.map { Data($0) },
            endpoints: row.endpoints.map(\.description), access: row.access.rawValue, isRelay: row.isRelay,
            features: row.features, record: Data(row.record), firstSeen: row.firstSeen?.seconds,
            lastSeen: row.lastSeen?.seconds, note: row.note)
    }

    func write(to store: any PeerStore) async throws(StoreFailure) {
        guard let node = NodeUUID(text: node), let access = PeerAccess(rawValue: access) else {
            throw .damaged("a peer of the export is none")
        }
        let sightings = [firstSeen, lastSeen].compactMap { $0 }.compactMap { seconds in
            bundleHash.map { hash in
                PeerSighting(
                    node: node, bundleHash: Array(hash), features: features, isRelay: isRelay, record: Array(record),
                    at: UnixTime(seconds: seconds))
            }
        }
        guard try await store.notePeers(sightings).isEmpty else { throw .otherBundle }
        let edit = PeerEdit(
            endpoints: endpoints.compactMap { Endpoint(text: $0) }, access: access, isRelay: isRelay, note: note)
        _ = try await store.editPeer(node, edit)
    }
}
