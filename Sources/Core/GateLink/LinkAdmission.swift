/// What a server decides about a link whose certificate it believes.
package enum LinkAdmission: Equatable, Sendable {
    /// Welcome it; it may do this.
    case granted(LinkGrant)
    /// Send the refusal and close.
    case refused(LinkRefusal)
}

/// The side that was dialled: from hello to an open link.
///
///     awaitingHello ──hello──▶ awaitingAdmission ──granted──▶ settled        (no extender)
///           │                        │      └─────granted──▶ awaitingAttach ──attach──▶ settled   (extender)
///           └──────── unexpected, refused ─────────────────────────┴──────────────────────▲
package enum LinkReception: Equatable, Sendable {
    case awaitingHello(LinkName)
    case awaitingAdmission(LinkName, version: UInt32)
    case awaitingAttach(LinkName, LinkGrant)
    case settled

    /// What the driver does next.
    package enum Action: Equatable, Sendable {
        /// Ask who decides, and say so by ``LinkReception/decided(_:program:requestsMax:)``.
        case decide
        /// Send, and wait for attach.
        case send(LinkFrame)
        /// Send; the link is open.
        case open(LinkFrame, LinkGrant, attach: LinkAttach?)
        /// Send the refusal, log it, close.
        case refuse(LinkRefusal)
        /// Close without more.
        case close(LinkFrameFault)
    }

    /// Begins with a certificate that was judged.
    package init(_ name: LinkName) { self = .awaitingHello(name) }

    /// A frame came before the link is open. `worker` is what we call ourselves.
    package mutating func received(_ frame: LinkFrame, worker: String) -> Action {
        switch (self, frame) {
        case (.awaitingHello(let name), .hello(let hello)):
            guard let version = LinkVersions.current.highestCommon(with: hello.versions) else {
                self = .settled
                let ours = LinkVersions.current
                return .refuse(.init(code: .noCommonVersion, reason: "versions \(ours.lowest) to \(ours.highest) only"))
            }
            self = .awaitingAdmission(name, version: version)
            return .decide
        case (.awaitingAttach(let name, let grant), .attach(let attach)):
            self = .settled
            guard name.role == .extender(attach.extender) else {
                return .refuse(
                    .init(code: .otherExtender, reason: "\(name) asked to attach as extender \(attach.extender)"))
            }
            guard grant.extenders.contains(attach.extender) else {
                return .refuse(
                    .init(code: .notPermitted, reason: "\(name) has no right to attach as \(attach.extender)"))
            }
            return .open(.attached(LinkAttached(worker: worker, node: name.node)), grant, attach: attach)
        case (.awaitingHello, _), (.awaitingAdmission, _), (.awaitingAttach, _), (.settled, _):
            self = .settled
            return .close(frame.unexpected)
        }
    }

    /// Who decides has decided.
    package mutating func decided(_ admission: LinkAdmission, program: String, requestsMax: UInt32) -> Action? {
        guard case .awaitingAdmission(let name, let version) = self else { return nil }
        switch admission {
        case .refused(let refusal):
            self = .settled
            return .refuse(refusal)
        case .granted(let grant):
            let welcome = LinkFrame.welcome(
                LinkWelcome(version: version, program: program, grant: grant, requestsMax: requestsMax))
            switch name.role {
            case .extender:
                self = .awaitingAttach(name, grant)
                return .send(welcome)
            case .kernel, .database, .operator, .join:
                self = .settled
                return .open(welcome, grant, attach: nil)
            }
        }
    }
}

/// The side that dials: from hello to an open link.
///
///     awaitingWelcome ──welcome──▶ settled                                (no attach)
///            └─────────welcome──▶ awaitingAttached ──attached──▶ settled
package enum LinkGreeting: Equatable, Sendable {
    case awaitingWelcome(attach: LinkAttach?)
    case awaitingAttached(LinkWelcome)
    case settled

    /// What the driver does next.
    package enum Action: Equatable, Sendable {
        case send(LinkFrame)
        /// The link is open.
        case open(LinkWelcome, LinkAttached?)
        case close(LinkFailure)
    }

    /// Begins; send ``LinkFrame/hello(_:)`` first.
    package init(attach: LinkAttach?) { self = .awaitingWelcome(attach: attach) }

    /// A frame came before the link is open.
    package mutating func received(_ frame: LinkFrame) -> Action {
        switch (self, frame) {
        case (.awaitingWelcome(let attach), .welcome(let welcome)):
            let chosen = LinkVersions(lowest: welcome.version, highest: welcome.version)
            guard LinkVersions.current.highestCommon(with: chosen) != nil else {
                self = .settled
                return .close(.protocolFault(frame.unexpected))
            }
            guard let attach else {
                self = .settled
                return .open(welcome, nil)
            }
            self = .awaitingAttached(welcome)
            return .send(.attach(attach))
        case (.awaitingAttached(let welcome), .attached(let attached)):
            self = .settled
            return .open(welcome, attached)
        case (.awaitingWelcome, .refused(let refusal)), (.awaitingAttached, .refused(let refusal)):
            self = .settled
            return .close(.refused(refusal))
        case (.awaitingWelcome, .goAway(let goAway)), (.awaitingAttached, .goAway(let goAway)):
            self = .settled
            return .close(.goneAway(goAway))
        case (.awaitingWelcome, _), (.awaitingAttached, _), (.settled, _):
            self = .settled
            return .close(.protocolFault(frame.unexpected))
        }
    }
}
