package import GateLink
package import GateModel
package import NIOCore

/// Who is at the other end of a link, as its certificate says.
package struct LinkPeer: Hashable, Sendable {
    /// Node, role and name.
    package let name: LinkName
    /// When its certificate ends; the link ends with it.
    package let notAfter: UnixTime
    /// Where it is, for logs.
    package let address: String

    package init(name: LinkName, notAfter: UnixTime, address: String) {
        self.name = name
        self.notAfter = notAfter
        self.address = address
    }
}

/// Takes the frames of one link. Every call comes on the link's event loop, from opened to closed, in this order:
///
///     linkOpened ─▶ (received* ─▶ batchCompleted | writabilityChanged)* ─▶ linkClosed
///
/// Requests, replies, watches and pings do not come here.
package protocol LinkDelegate: AnyObject {
    /// The link is open: frames may be sent.
    func linkOpened(_ link: Link)
    /// One frame; a payload is a slice of what was read.
    func received(_ frame: LinkFrame, on link: Link)
    /// All frames that one read brought were delivered: the moment to flush.
    func batchCompleted(on link: Link)
    /// ``Link/isWritable`` has changed.
    func writabilityChanged(on link: Link)
    /// The link is closed; nothing can be sent. `nil` when it ended by our own wish.
    func linkClosed(_ link: Link, failure: LinkFailure?)
}

/// What a process serves on links: whom it admits, who takes the frames, who answers requests.
package struct LinkService: Sendable {
    /// The roles that may connect.
    package var accepts: Set<LinkRoleKind>
    /// What we call ourselves towards extenders, such as `kernel-1`.
    package var worker: String
    /// Program and release, for the other side's log.
    package var program: String
    /// How many requests of one link are served at once; more are answered with `overloaded`.
    package var requestsMax: Int
    /// How many watches one link may have.
    package var watchesMax: Int
    /// The most open links; more are closed at once.
    package var linksMax: Int
    /// Decides what a believed certificate may do here.
    package var admit: @Sendable (LinkPeer) async -> LinkAdmission
    /// Makes who takes a link's frames, on that link's event loop; `nil` where only requests are served.
    package var makeDelegate: (@Sendable (LinkPeer, any EventLoop) -> any LinkDelegate)?
    /// Answers requests; `nil` where there are none.
    package var responder: (any LinkResponder)?

    package init(
        accepts: Set<LinkRoleKind>, worker: String, program: String = "quantumgate", requestsMax: Int = 64,
        watchesMax: Int = 64, linksMax: Int = 1024, admit: @escaping @Sendable (LinkPeer) async -> LinkAdmission,
        makeDelegate: (@Sendable (LinkPeer, any EventLoop) -> any LinkDelegate)? = nil,
        responder: (any LinkResponder)? = nil
    ) {
        self.accepts = accepts
        self.worker = worker
        self.program = program
        self.requestsMax = requestsMax
        self.watchesMax = watchesMax
        self.linksMax = linksMax
        self.admit = admit
        self.makeDelegate = makeDelegate
        self.responder = responder
    }
}

/// The clocks of a link.
package struct LinkSettings: Hashable, Sendable {
    /// From TCP to an open link, at most.
    package var openingTime = Duration.seconds(10)
    /// Silence after which a ping is sent.
    package var pingAfter = Duration.seconds(10)
    /// Silence after which the other side counts as dead.
    package var deadAfter = Duration.seconds(30)
    /// The most bytes that may wait for the other side to read; beyond it the link is closed.
    package var outboundBytesMax = 64 << 20
    /// First pause before dialling again; doubles up to the longest, each time varied by half.
    package var backoffFirst = Duration.milliseconds(100)
    package var backoffLongest = Duration.seconds(5)
    /// How long a place has to open the link in the first round where there are several to try; doubles with each round,
    /// up to `openingTime`.
    package var openingTimeAmongMany = Duration.milliseconds(700)

    package init() {}

    /// Silence after which a replica of the database service counts as dead, so that another can answer.
    package static let databaseDeadAfter = Duration.seconds(4)

    /// The clocks of links to the database service: another replica does as well, so a silent one is left soon.
    package static var database: LinkSettings {
        var settings = LinkSettings()
        settings.pingAfter = .seconds(1)
        settings.deadAfter = databaseDeadAfter
        return settings
    }
}
