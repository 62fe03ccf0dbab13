package import GateModel

/// The one place that decides whether a certificate, whose chain TLS has checked, is whom we expect.
package enum LinkJudgement {
    /// Takes the leaf's URIs and times; says who it is, or why it is not believed.
    ///
    /// - Parameters:
    ///   - uris: every URI among the leaf's subject alternative names.
    ///   - validity: the leaf's first and last second.
    ///   - node: our own node, which is the only trust domain.
    ///   - roles: what we dialled, or what we serve.
    ///   - process: the name of the process that we dialled; `nil` where any of its role will do. Addresses change hands:
    ///     who comes later at one is not who was there.
    package static func judge(
        uris: [String], validity: ClosedRange<UnixTime>, node: NodeUUID, roles: Set<LinkRoleKind>,
        process: String? = nil, at now: UnixTime
    ) -> Result<LinkName, LinkDistrust> {
        guard let uri = uris.first else { return .failure(.noName) }
        guard uris.count == 1 else { return .failure(.severalNames) }
        guard let name = LinkName(uri: uri) else { return .failure(.malformedName) }
        guard name.node == node else { return .failure(.otherNode) }
        guard now >= validity.lowerBound else { return .failure(.notYetValid) }
        guard now <= validity.upperBound else { return .failure(.expired) }
        guard roles.contains(name.role.kind) else { return .failure(.wrongRole(name, served: roles)) }
        if let process, name.name != process { return .failure(.otherProcess(name, dialled: process)) }
        return .success(name)
    }
}
