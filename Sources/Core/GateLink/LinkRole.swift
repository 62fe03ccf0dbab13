package import GateModel

/// What a process may be on a link: the second part of its certificate's name.
package enum LinkRole: Hashable, Sendable {
    /// A kernel worker.
    case kernel
    /// The database service.
    case database
    /// A replica of this extender.
    case extender(ExtenderID)
    /// A person's command line.
    case `operator`
    /// Whoever wants to become one more process of a set; may ask the database service for a certificate and nothing else.
    case join(LinkMemberRole)

    /// The role without what it carries: `kernel`, `database`, `extender`, `operator` or `join`.
    package var kind: LinkRoleKind {
        switch self {
        case .kernel: .kernel
        case .database: .database
        case .extender: .extender
        case .operator: .operator
        case .join: .join
        }
    }
}

/// A role without what it carries: what a server says it accepts, or a client that it dials.
package enum LinkRoleKind: String, Hashable, Sendable, CaseIterable {
    case kernel
    case database
    case extender
    case `operator`
    case join
}

/// What a join credential makes its holder.
package enum LinkMemberRole: Hashable, Sendable {
    case kernel
    case extender(ExtenderID)

    /// The role of those who joined.
    package var role: LinkRole {
        switch self {
        case .kernel: .kernel
        case .extender(let extender): .extender(extender)
        }
    }
}
