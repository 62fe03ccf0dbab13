package import GateLink
package import GateStore

/// Signs link certificates with the authority's key that the vault holds. Names are what the caller's link proved.
package protocol LinkCertifier: AuthorityKeeper {
    /// A certificate (DER) of this name for the key of a request (PKCS #10, DER); `.invalid` for what is none, and
    /// where the vault holds no authority.
    func certifyLink(_ name: LinkName, request: [UInt8]) async throws(StoreFailure) -> [UInt8]
}

/// Takes the link authority into the vault.
package protocol AuthorityKeeper: Sendable {
    /// Puts the authority's certificate and key (PEM) there, in place of those before.
    func keepAuthority(certificate: String, key: String) async throws(StoreFailure)
}

/// How long a certificate lives that the database service signs: a day.
package enum JoinedLink {
    package static let lifetime = Duration.seconds(86_400)
}

extension RightsStore {
    /// What a link name may do. Who joined has the rights of the join credential, and a revocation of either counts.
    package func rights(of link: LinkName) async throws(StoreFailure) -> RightsRow {
        let own = try await rights(of: link.rightsName) ?? RightsRow(name: link.rightsName)
        guard let join = link.joinName else { return own }
        var family = try await rights(of: join.rightsName) ?? RightsRow(name: join.rightsName)
        family.isRevoked = family.isRevoked || own.isRevoked
        return family
    }
}

extension LinkName {
    /// Whether rights kept under this name are this link's, its own or its family's.
    package func has(rightsName name: String) -> Bool { name == rightsName || name == joinName?.rightsName }
}
