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

    /// The role without what it carries: `kernel`, `database`, `extender` or `operator`.
    package var kind: LinkRoleKind {
        switch self {
        case .kernel: .kernel
        case .database: .database
        case .extender: .extender
        case .operator: .operator
        }
    }
}

/// A role without what it carries: what a server says it accepts, or a client that it dials.
package enum LinkRoleKind: String, Hashable, Sendable, CaseIterable {
    case kernel
    case database
    case extender
    case `operator`
}

/// Who holds a link certificate, as the URI in it says.
///
/// Text form: `spiffe://<node>/kernel/<name>`, `…/database/<name>`, `…/extender/<extender>/<name>`,
/// `…/operator/<name>`; UUIDs in lower case, nothing before, after or escaped.
package struct LinkName: Hashable, Sendable, CustomStringConvertible {
    /// The trust domain: the node whose authority signed.
    package let node: NodeUUID
    /// What the holder may be.
    package let role: LinkRole
    /// Which of several, such as `kernel-1`: 1 to 63 of `a-z A-Z 0-9 . _ -`.
    package let name: String

    /// The longest last part.
    package static let nameBytesMax = 63

    /// Joins the parts; `nil` where the last one is empty, too long or has another character.
    package init?(node: NodeUUID, role: LinkRole, name: String) {
        guard !name.isEmpty, name.utf8.count <= LinkName.nameBytesMax, name.utf8.allSatisfy(isNameCharacter) else {
            return nil
        }
        self.node = node
        self.role = role
        self.name = name
    }

    /// Reads the text form; `nil` for anything else, other spellings of the same name included.
    package init?(uri: some StringProtocol) {
        guard uri.utf8.count <= 256, uri.hasPrefix("spiffe://") else { return nil }
        let parts = uri.dropFirst("spiffe://".count).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, let node = NodeUUID(text: parts[0]), let kind = LinkRoleKind(rawValue: String(parts[1]))
        else { return nil }
        let role: LinkRole
        switch (kind, parts.count) {
        case (.kernel, 3): role = .kernel
        case (.database, 3): role = .database
        case (.operator, 3): role = .operator
        case (.extender, 4):
            guard let extender = ExtenderID(text: parts[2]) else { return nil }
            role = .extender(extender)
        case (.kernel, _), (.database, _), (.operator, _), (.extender, _): return nil
        }
        self.init(node: node, role: role, name: String(parts[parts.count - 1]))
        guard uri == description else { return nil }
    }

    /// The text form.
    package var description: String {
        switch role {
        case .kernel, .database, .operator: "spiffe://\(node)/\(role.kind.rawValue)/\(name)"
        case .extender(let extender): "spiffe://\(node)/extender/\(extender)/\(name)"
        }
    }
}

private func isNameCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
    default: false
    }
}
