import GateCrypto
import GateDatabase
import GateModel
import GateStore
import GateTestKit

/// A node's export for an empty store. First byte: even to take the rest as the export, odd to seal the rest as the
/// content of one, as someone could who has the host's key.
enum NodeExportInput {
    static func run(_ bytes: [UInt8]) async {
        guard let mode = bytes.first else { return }
        let rest = Array(bytes.dropFirst())
        let clock = ManualStoreClock().read
        let store = MemoryStore(clock: clock)
        if mode & 1 == 0 {
            let isRestored = await restore(rest, into: store)
            precondition(!isRestored, "nothing forged is restored")
            let row = await store.vaultRow("identity")
            precondition(row == nil, "nor any part of it")
        } else {
            let export = honest { try NodeExport.sealed(bytes: rest, identity: sealedIdentity, hostKey: hostKey) }
            guard await restore(export, into: store) else { return }
            let isRestoredAgain = await restore(export, into: store)
            precondition(isRestoredAgain, "what was restored once is restored again")
        }
    }

    private static func restore(_ export: [UInt8], into store: MemoryStore) async -> Bool {
        do {
            let node = try await NodeExport.restore(export, hostKey: hostKey, into: store, vaultKey: vaultKey)
            precondition(node == identity.bundle.uuid, "the node is the export's")
            return true
        } catch { return false }
    }

    private static let hostKey = honest { try GuardedSecret([UInt8](repeating: 1, count: Vault.keyByteCount)) }
    private static let vaultKey = honest { try GuardedSecret([UInt8](repeating: 2, count: Vault.keyByteCount)) }
    private static let identity = honest {
        try IdentityKey(seed: GuardedSecret([UInt8](repeating: 3, count: IdentityKey.seedByteCount)))
    }
    private static let sealedIdentity = honest { try identity.sealed(with: hostKey) }

    private static let content = """
        {"settings":{"relay.hops":"5","no.such":"1"},"peers":[{"node":"00000001-0000-8000-8000-000000000002",\
        "bundleHash":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM=","endpoints":["[::1]:1","example.org:7700"],\
        "access":1,"isRelay":true,"features":5,"record":"BQ==","firstSeen":100,"lastSeen":200,"note":"x"},\
        {"node":"00000002-0000-8000-8000-000000000002","endpoints":[],"access":2,"isRelay":false,"features":0,\
        "record":"","note":""}]}
        """

    /// An export for another key's holder, and contents.
    static func seeds() async throws -> [[UInt8]] {
        let other = try GuardedSecret([UInt8](repeating: 9, count: Vault.keyByteCount))
        let export = try NodeExport.sealed(
            bytes: Array(content.utf8), identity: identity.sealed(with: other), hostKey: other)
        let empty = Array(#"{"settings":{},"peers":[]}"#.utf8)
        return [[0] + export, [1] + Array(content.utf8), [1] + empty]
    }
}
