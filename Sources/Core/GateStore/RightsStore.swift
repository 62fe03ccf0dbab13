package import GateModel

/// What the holder of a link name may do beyond its role. A certificate proves the name only; nothing is granted
/// unless it is here.
package struct RightsRow: Sendable, Equatable {
    /// The link name, as in the certificate's last part: `socks5-1`.
    package let name: String
    /// As which extenders it may attach, and whose data it may use.
    package var extenders: Set<ExtenderID>
    /// Which settings it may read: each key that begins with one of these (`socks5.`).
    package var settingPrefixes: Set<String>
    /// Whether it may ask kernels for sessions to other nodes.
    package var mayConnect: Bool
    /// Whether the name is revoked: its open links are closed, new ones refused.
    package var isRevoked: Bool

    package init(
        name: String, extenders: Set<ExtenderID> = [], settingPrefixes: Set<String> = [], mayConnect: Bool = false,
        isRevoked: Bool = false
    ) {
        self.name = name
        self.extenders = extenders
        self.settingPrefixes = settingPrefixes
        self.mayConnect = mayConnect
        self.isRevoked = isRevoked
    }

    /// Throws what rule the rights break.
    package func check() throws(StoreFailure) {
        try checkName(name)
        try checkCount(extenders.count, of: "extenders of a name", atMost: StoreLimit.rightsExtenders)
        try checkCount(settingPrefixes.count, of: "setting prefixes of a name", atMost: StoreLimit.rightsPrefixes)
        for prefix in settingPrefixes { try checkName(prefix) }
    }
}

extension RightsRow {
    /// These rights added to what their name has. A revocation stays, unless it is taken back.
    package func added(to existing: RightsRow?, restoring: Bool = false) -> RightsRow {
        guard let existing else { return self }
        var row = self
        row.extenders.formUnion(existing.extenders)
        row.settingPrefixes.formUnion(existing.settingPrefixes)
        row.mayConnect = mayConnect || existing.mayConnect
        row.isRevoked = existing.isRevoked && !restoring
        return row
    }
}

/// Rights of link names.
package protocol RightsStore: Sendable {
    /// The rights of one name; `nil` if nothing is granted.
    func rights(of name: String) async throws(StoreFailure) -> RightsRow?

    /// Every name's rights in the order of the names, after `after`, at most `limit` (and `StoreLimit.pageRows`).
    func allRights(after: String?, limit: Int) async throws(StoreFailure) -> [RightsRow]

    /// Grants exactly these rights to their name, in place of those before.
    func setRights(_ rights: RightsRow) async throws(StoreFailure)

    /// Takes every right of a name; `.notFound` if it has none.
    func removeRights(of name: String) async throws(StoreFailure)
}
