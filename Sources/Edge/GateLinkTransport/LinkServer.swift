package import GateLink
package import GateModel
import GateTelemetry
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Takes links at one address. Whoever connects must show a certificate of our node in a role that is served.
package final class LinkServer: Sendable {
    /// Where it really listens, the port chosen by the system included.
    package let endpoint: Endpoint
    private let listener: NIOAsyncChannel<AcceptedLink, Never>
    private let open: Mutex<[ObjectIdentifier: AcceptedLink]>
    private let service: LinkService
    private let logger: Logger

    /// Binds; links are taken from ``run()`` on. Port 0 lets the system choose.
    package static func bind(
        to endpoint: Endpoint, credential: LinkCredentialSource, service: LinkService,
        settings: LinkSettings = LinkSettings(), group: any EventLoopGroup, logger: Logger
    ) async throws -> LinkServer {
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 256)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: LinkBuffers.receiving)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.writeBufferWaterMark, value: LinkBuffers.watermark)
            .bind(host: endpoint.host, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try AcceptedLink.accept(
                        channel, credential: credential, service: service, settings: settings,
                        logger: logger)
                }
            }
        let port = UInt16(clamping: listener.channel.localAddress?.port ?? Int(endpoint.port))
        return LinkServer(
            endpoint: Endpoint(host: endpoint.host, port: port), listener: listener, service: service, logger: logger)
    }

    private init(
        endpoint: Endpoint, listener: NIOAsyncChannel<AcceptedLink, Never>, service: LinkService, logger: Logger
    ) {
        self.endpoint = endpoint
        self.listener = listener
        self.service = service
        self.logger = logger
        open = Mutex([:])
    }

    /// Serves until cancelled; then every link is told and closed.
    package func run() async throws {
        try await listener.executeThenClose { accepted in
            try await withThrowingDiscardingTaskGroup { group in
                for try await link in accepted {
                    guard admitsMore(link) else { continue }
                    group.addTask {
                        await link.conversation.run()
                        _ = self.open.withLock { $0.removeValue(forKey: ObjectIdentifier(link)) }
                    }
                }
                group.cancelAll()
            }
        }
    }

    /// Closes the links of whoever has this name.
    package func close(name: LinkName, _ goAway: LinkGoAway) {
        for link in open.withLock({ Array($0.values) }) { link.leave(goAway, onlyIf: name) }
    }

    /// Asks anew about links, one after the other; those for which `judge` gives a reason are closed with it.
    ///
    /// - Parameters:
    ///   - names: which links.
    ///   - judge: takes what the link was granted; `nil` while it is not open yet.
    package func recheck(
        _ names: (LinkName) -> Bool, judge: (LinkName, LinkGrant?) async -> LinkGoAway?
    ) async {
        for link in open.withLock({ Array($0.values) }) {
            guard let (name, grant) = await link.holder(), names(name), let goAway = await judge(name, grant)
            else { continue }
            link.leave(goAway, onlyIf: name)
        }
    }

    private func admitsMore(_ link: AcceptedLink) -> Bool {
        let isAdmitted = open.withLock { open in
            guard open.count < service.linksMax else { return false }
            open[ObjectIdentifier(link)] = link
            return true
        }
        guard !isAdmitted else { return true }
        logger.warning("link refused", metadata: [LogKey.reason: "\(service.linksMax) links are open already"])
        link.leave(LinkGoAway(code: .overloaded, reason: "too many links"))
        return false
    }
}

/// A connection that was taken, whether the link is open yet or not.
final class AcceptedLink: Sendable {
    let conversation: LinkConversation
    private let eventLoop: any EventLoop
    private let handler: NIOLoopBound<LinkChannelHandler>

    private init(
        conversation: LinkConversation, eventLoop: any EventLoop, handler: NIOLoopBound<LinkChannelHandler>
    ) {
        self.conversation = conversation
        self.eventLoop = eventLoop
        self.handler = handler
    }

    /// Sets the channel up; called on its loop.
    static func accept(
        _ channel: any Channel, credential: LinkCredentialSource, service: LinkService, settings: LinkSettings,
        logger: Logger
    ) throws -> AcceptedLink {
        let shown = credential.current()
        return try install(
            on: channel, tls: NIOSSLServerHandler(context: shown.serverContext), side: .accepted, service: service,
            settings: settings, own: shown, source: credential, logger: logger)
    }

    static func install(
        on channel: any Channel, tls: any ChannelHandler, side: LinkChannelHandler.Side, service: LinkService,
        settings: LinkSettings, own: LinkCredential, source: LinkCredentialSource, logger: Logger
    ) throws -> AcceptedLink {
        let eventLoop = channel.eventLoop
        let handler = LinkChannelHandler(
            side: side, service: service, settings: settings, own: own.name,
            renewal: LinkRenewal(shown: own, source: source), logger: logger)
        let bound = NIOLoopBound(handler, eventLoop: eventLoop)
        let isDialled = if case .dialled = side { true } else { false }
        let conversation = LinkConversation(
            eventLoop: eventLoop, service: service, isDialled: isDialled,
            admitted: { admission in eventLoop.execute { bound.value.admitted(admission) } },
            leave: { goAway in eventLoop.execute { bound.value.leave(goAway) } })
        handler.serve(conversation)
        try channel.pipeline.syncOperations.addHandlers([tls, handler])
        return AcceptedLink(conversation: conversation, eventLoop: eventLoop, handler: bound)
    }

    /// Closes the link, or only if it is of `name`.
    func leave(_ goAway: LinkGoAway, onlyIf name: LinkName? = nil) {
        eventLoop.execute {
            guard name == nil || self.handler.value.peerName == name else { return }
            self.handler.value.leave(goAway)
        }
    }

    /// Who is at the other end and what it was granted; `nil` while that is not known, and once the link has ended.
    func holder() async -> (LinkName, LinkGrant?)? {
        try? await eventLoop.submit { self.handler.value.peerName.map { ($0, self.handler.value.grant) } }.get()
    }

    /// Why the link ended; `nil` while it has not.
    func failure() async -> LinkFailure? { try? await eventLoop.submit { self.handler.value.failure }.get() }

    /// Whether the link was ever open.
    func wasOpen() async -> Bool {
        (try? await eventLoop.submit { self.handler.value.wasOpen }.get()) ?? false
    }
}

/// How much a link's channel reads and holds at once.
enum LinkBuffers {
    static var receiving: AdaptiveRecvByteBufferAllocator {
        AdaptiveRecvByteBufferAllocator(minimum: 16 << 10, initial: 64 << 10, maximum: 512 << 10)
    }

    static var watermark: ChannelOptions.Types.WriteBufferWaterMark { .init(low: 512 << 10, high: 1 << 20) }
}
