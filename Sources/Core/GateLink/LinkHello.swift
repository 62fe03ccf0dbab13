package import GateModel

/// A range of protocol versions, both ends included.
package struct LinkVersions: Hashable, Sendable {
    /// The lowest that is spoken.
    package let lowest: UInt32
    /// The highest that is spoken; not below ``lowest``.
    package let highest: UInt32

    /// What this build speaks.
    package static let current = LinkVersions(lowest: 1, highest: 2)
    /// From this one on an attachment may go on over another link.
    package static let goingOn: UInt32 = 2

    package init(lowest: UInt32, highest: UInt32) {
        self.lowest = lowest
        self.highest = max(lowest, highest)
    }

    /// The highest version that both speak.
    package func highestCommon(with other: LinkVersions) -> UInt32? {
        let version = min(highest, other.highest)
        return version >= max(lowest, other.lowest) ? version : nil
    }
}

/// First frame of the side that dialled.
package struct LinkHello: Hashable, Sendable {
    /// What it speaks.
    package var versions: LinkVersions
    /// Its program and release, for logs; ``LinkLimits/reasonBytesMax``.
    package var program: String
    /// How many requests it serves at once on this link.
    package var requestsMax: UInt32

    package init(versions: LinkVersions, program: String, requestsMax: UInt32) {
        self.versions = versions
        self.program = program
        self.requestsMax = requestsMax
    }
}

/// Answer to hello.
package struct LinkWelcome: Hashable, Sendable {
    /// The version that both now speak.
    package var version: UInt32
    /// Its program and release, for logs.
    package var program: String
    /// What the credential may do here.
    package var grant: LinkGrant
    /// How many requests it serves at once on this link.
    package var requestsMax: UInt32

    package init(version: UInt32, program: String, grant: LinkGrant, requestsMax: UInt32) {
        self.version = version
        self.program = program
        self.grant = grant
        self.requestsMax = requestsMax
    }
}

/// Asks to serve as an extender.
package struct LinkAttach: Hashable, Sendable {
    /// Which extender; must be the credential's own.
    package var extender: ExtenderID
    /// What people call it, such as `socks5`.
    package var name: String
    /// The random id of this replica, as in ``StreamID``.
    package var replica: UInt64
    /// What the replica can do beyond the basics; at most ``LinkLimits/capabilityCountMax`` of 64 bytes.
    package var capabilities: [String]

    /// The capability of a replica whose first frame on a link is ``LinkFrame/goOn(_:)``.
    package static let goesOn = "goes-on"

    package init(extender: ExtenderID, name: String, replica: UInt64, capabilities: [String] = []) {
        self.extender = extender
        self.name = name
        self.replica = replica
        self.capabilities = capabilities
    }
}

/// Grants attach.
package struct LinkAttached: Hashable, Sendable {
    /// The worker's name, such as `kernel-1`.
    package var worker: String
    /// The node that the extender now serves.
    package var node: NodeUUID

    package init(worker: String, node: NodeUUID) {
        self.worker = worker
        self.node = node
    }
}

/// Why hello or attach was not granted.
package struct LinkRefusal: Hashable, Sendable {
    /// Machine-readable reasons.
    package enum Code: UInt32, Sendable {
        case noCommonVersion = 1
        case notPermitted = 2
        case otherExtender = 3
        case draining = 4
        case unavailable = 5
    }

    package var code: Code
    /// For the log of the side that was refused.
    package var reason: String

    package init(code: Code, reason: String) {
        self.code = code
        self.reason = reason
    }
}

/// Why the sender closes.
package struct LinkGoAway: Hashable, Sendable {
    /// Machine-readable reasons.
    package enum Code: UInt32, Sendable {
        case stopping = 1
        case protocolFault = 2
        case credentialExpired = 3
        case revoked = 4
        case unresponsive = 5
        case overloaded = 6
    }

    package var code: Code
    /// For the log of the other side.
    package var reason: String

    package init(code: Code, reason: String) {
        self.code = code
        self.reason = reason
    }
}
