/// Why a link ended, or never came to be.
package enum LinkFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// The other side's bytes are no frames, or a frame came where it may not.
    case protocolFault(LinkFrameFault)
    /// The other side's certificate does not say what it must.
    case notTrusted(LinkDistrust)
    /// TLS did not come to be: no certificate, an expired one, or one that another authority signed.
    case handshake(String)
    /// The other side refused hello or attach.
    case refused(LinkRefusal)
    /// We refused the other side's hello or attach.
    case refusing(LinkRefusal)
    /// The other side said why it closes.
    case goneAway(LinkGoAway)
    /// We close, and said why.
    case leaving(LinkGoAway)
    /// The connection could not be made or broke.
    case connection(String)

    package var description: String {
        switch self {
        case .protocolFault(let fault): "protocol fault: \(fault)"
        case .notTrusted(let distrust): "not trusted: \(distrust)"
        case .handshake(let reason): "TLS handshake failed: \(reason)"
        case .refused(let refusal): "refused by the other side: \(refusal.code): \(refusal.reason)"
        case .refusing(let refusal): "refused: \(refusal.code): \(refusal.reason)"
        case .goneAway(let goAway): "the other side left: \(goAway.code): \(goAway.reason)"
        case .leaving(let goAway): "closed: \(goAway.code): \(goAway.reason)"
        case .connection(let reason): "connection: \(reason)"
        }
    }
}

/// What is wrong with received bytes.
package enum LinkFrameFault: Error, Hashable, Sendable {
    /// The length is beyond ``LinkLimits/frameBytesMax``, or shorter than a header.
    case impossibleLength
    case unknownType(UInt8)
    /// The body of this type is not what it must be.
    case malformed(type: UInt8)
    /// The stream id must be there, or must not.
    case wrongStream(type: UInt8)
    /// A proper frame that may not come now, or from this side.
    case unexpected(type: UInt8)
}

/// Why a certificate is not believed.
package enum LinkDistrust: Error, Hashable, Sendable, CustomStringConvertible {
    case unreadable
    /// The certificate has no URI.
    case noName
    /// The certificate has more than one URI.
    case severalNames
    /// The URI is none of ours.
    case malformedName
    /// The trust domain is another node's.
    case otherNode
    case expired
    case notYetValid
    /// The certificate of this name has a role that is not dialled or served here; those are.
    case wrongRole(LinkName, served: Set<LinkRoleKind>)
    /// The certificate is of another process than the one that is said to listen there.
    case otherProcess(LinkName, dialled: String)

    package var description: String {
        switch self {
        case .unreadable: "unreadable"
        case .noName: "noName"
        case .severalNames: "severalNames"
        case .malformedName: "malformedName"
        case .otherNode: "otherNode"
        case .expired: "expired"
        case .notYetValid: "notYetValid"
        case .wrongRole(let name, let served):
            "wrongRole: the certificate of \(name) is for role \(name.role.kind.rawValue), and only "
                + served.map(\.rawValue).sorted().joined(separator: ", ") + " is taken here"
        case .otherProcess(let name, let dialled):
            "otherProcess: \(name.name) answers where \(dialled) was; its address has another owner now"
        }
    }
}
