package import GateModel

/// Who holds a link certificate, as the URI in it says.
///
/// | URI | who |
/// | --- | --- |
/// | `spiffe://<node>/kernel/<name>`, `…/database/<name>`, `…/operator/<name>` | one process, or a person |
/// | `spiffe://<node>/extender/<extender>/<name>` | one replica of an extender |
/// | `spiffe://<node>/join/kernel/<family>`, `…/join/extender/<extender>/<family>` | a join credential |
/// | `spiffe://<node>/kernel/<family>/<member>`, `…/extender/<extender>/<family>/<member>` | who joined by it |
///
/// UUIDs in lower case, nothing before, after or escaped.
package struct LinkName: Hashable, Sendable, CustomStringConvertible {
    /// The trust domain: the node whose authority signed.
    package let node: NodeUUID
    /// What the holder may be.
    package let role: LinkRole
    /// The name of the join credential by which the holder joined; `nil` where it has a credential of its own.
    package let family: String?
    /// Which of several, such as `kernel-1`: 1 to 63 of `a-z A-Z 0-9 . _ -`. Of who joined: family, `-` and member.
    package let name: String

    /// The longest last part.
    package static let nameBytesMax = 63
    /// The longest name of a join credential, so that its members' names are no longer than others.
    package static let familyBytesMax = nameBytesMax - 1 - memberBytes
    /// The length of a member: 60 bits in base 32.
    package static let memberBytes = 12

    /// Joins the parts; `nil` where the last one is empty, too long or has another character.
    package init?(node: NodeUUID, role: LinkRole, name: String) {
        let longest = role.kind == .join ? LinkName.familyBytesMax : LinkName.nameBytesMax
        guard !name.isEmpty, name.utf8.count <= longest, name.utf8.allSatisfy(isNameCharacter) else { return nil }
        self.node = node
        self.role = role
        self.name = name
        family = nil
    }

    /// The name of a new member of a join credential's family; of `number` 60 bits count, which should be random.
    package init?(joiningBy credential: LinkName, number: UInt64) {
        guard case .join(let member) = credential.role else { return nil }
        self.init(node: credential.node, role: member.role, family: credential.name, member: memberText(number))
    }

    private init?(node: NodeUUID, role: LinkRole, family: String, member: some StringProtocol) {
        guard LinkName.isFamily(family), LinkName.isMember(member) else { return nil }
        self.init(node: node, role: role, family: family, name: "\(family)-\(member)")
    }

    private init(node: NodeUUID, role: LinkRole, family: String, name: String) {
        self.node = node
        self.role = role
        self.family = family
        self.name = name
    }

    /// Reads the text form; `nil` for anything else, other spellings of the same name included.
    package init?(uri: some StringProtocol) {
        guard uri.utf8.count <= 256, uri.hasPrefix("spiffe://") else { return nil }
        let rest = String(uri.dropFirst("spiffe://".count))
        let parts = rest.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
        guard parts.count >= 3, let node = NodeUUID(text: parts[0]) else { return nil }
        self.init(node: node, path: parts[1...])
        guard uri == description else { return nil }
    }

    private init?(node: NodeUUID, path: ArraySlice<String>) {
        var rest = path
        guard let kind = rest.popFirst().flatMap(LinkRoleKind.init), let role = LinkName.role(kind, &rest),
            let first = rest.popFirst()
        else { return nil }
        switch (role, rest.count) {
        case (_, 0): self.init(node: node, role: role, name: first)
        case (.kernel, 1), (.extender, 1):
            self.init(node: node, role: role, family: first, member: rest[rest.startIndex])
        case (.kernel, _), (.extender, _), (.database, _), (.operator, _), (.join, _): return nil
        }
    }

    /// Takes the parts that say the role.
    private static func role(_ kind: LinkRoleKind, _ rest: inout ArraySlice<String>) -> LinkRole? {
        switch kind {
        case .kernel: return .kernel
        case .database: return .database
        case .operator: return .operator
        case .extender: return rest.popFirst().flatMap { ExtenderID(text: $0) }.map { .extender($0) }
        case .join:
            switch rest.popFirst() {
            case "kernel": return .join(.kernel)
            case "extender":
                return rest.popFirst().flatMap { ExtenderID(text: $0) }.map { .join(.extender($0)) }
            default: return nil
            }
        }
    }

    /// The text form.
    package var description: String { "spiffe://\(node)/\(path)" }

    /// The text form without the node: `kernel/kernel-1`.
    package var path: String {
        guard let family else { return "\(prefix)/\(name)" }
        return "\(prefix)/\(family)/\(name.dropFirst(family.count + 1))"
    }

    /// The join credential by which the holder joined; `nil` where it has a credential of its own.
    package var joinName: LinkName? {
        guard let family else { return nil }
        switch role {
        case .kernel: return LinkName(node: node, role: .join(.kernel), name: family)
        case .extender(let extender): return LinkName(node: node, role: .join(.extender(extender)), name: family)
        case .database, .operator, .join: return nil
        }
    }

    private var prefix: String {
        switch role {
        case .kernel, .database, .operator: role.kind.rawValue
        case .extender(let extender): "extender/\(extender)"
        case .join(.kernel): "join/kernel"
        case .join(.extender(let extender)): "join/extender/\(extender)"
        }
    }

    private static func isFamily(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= familyBytesMax && text.utf8.allSatisfy(isNameCharacter)
    }

    private static func isMember(_ text: some StringProtocol) -> Bool {
        text.utf8.count == memberBytes && text.utf8.allSatisfy(memberDigits.contains)
    }
}

private let memberDigits = Array("abcdefghijklmnopqrstuvwxyz234567".utf8)

private func memberText(_ number: UInt64) -> String {
    let digits = (0..<LinkName.memberBytes).map { memberDigits[Int(number >> (5 * UInt64($0)) & 31)] }
    return String(decoding: digits, as: UTF8.self)
}

private func isNameCharacter(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
        true
    default: false
    }
}
