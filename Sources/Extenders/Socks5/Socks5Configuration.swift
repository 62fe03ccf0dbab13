package import GateExtenderKit
package import GateModel
package import NIOCore

/// What a `socks5` replica needs of its process. What all replicas share is in the node's settings, ``Socks5Settings``.
package struct Socks5Configuration: Sendable {
    /// Where programs speak SOCKS5; port 0 lets the system choose. Keep it on loopback: whoever reaches it uses the node.
    package var listen: [Endpoint]
    /// How the replica reaches its node.
    package var access: NodeAccess
    /// Where the node's settings are read; `nil`: from the database that ``access`` names, else defaults.
    package var settings: (any NodeSettingsFeed)?
    /// Exits to choose from; empty: the node's settings say.
    package var exitNodes: [NodeUUID] = []
    /// Where links and connections live. One loop is best for one worker: then no byte crosses threads.
    package var group: any EventLoopGroup
    /// The most clients at once; more are closed at once.
    package var clientsMax = 4096
    /// How long a client may take to say where it wants to go.
    package var exchangeTime = Duration.seconds(10)
    /// How long an exit's peer may take to grant credit for the answer to its request.
    package var answerTime = Duration.seconds(10)
    /// Hosts at which the node tells others to reach it, names or addresses: the exit connects to none of their addresses.
    package var advertisedHosts: [String] = []
    /// How long a session to an exit may take.
    package var connectTime = Duration.seconds(30)
    /// How much each stream holds at most; see ``ExtenderLimits/streamWindow``.
    package var limits = ExtenderLimits()
    /// Told once: where it listens, ports chosen by the system included, when a worker is attached too.
    package var ready: @Sendable ([Endpoint]) -> Void = { _ in }

    package init(
        listen: [Endpoint], access: NodeAccess, settings: (any NodeSettingsFeed)? = nil, group: any EventLoopGroup
    ) {
        self.listen = listen
        self.access = access
        self.settings = settings
        self.group = group
    }
}
