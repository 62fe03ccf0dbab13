package import GateLink
package import GateModel
import GateTelemetry
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL

/// Where a keeper dials.
package enum LinkTarget: Sendable {
    /// Over TCP and TLS.
    case network(Endpoint, credential: LinkCredentialSource)
    /// Within this process, under this name.
    case memory(MemoryLinkServer, as: LinkName)
}

/// Keeps one link to one place open: dials, waits for its end, dials again with growing, varied pauses.
package final class LinkKeeper: Sendable {
    /// Asks the other side; stays the same over all links.
    package let requester: LinkRequester
    private let target: LinkTarget
    private let expects: LinkRoleKind
    private let attach: LinkAttach?
    private let service: LinkService
    private let settings: LinkSettings
    private let eventLoop: any EventLoop
    private let missed: @Sendable (String) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - expects: the role that must answer.
    ///   - attach: set to serve as an extender; the link opens when that is granted.
    ///   - eventLoop: where the link, its delegate and the requester live; the loop of a posix event loop group.
    ///   - makeDelegate: makes who takes the frames, anew for each link, on the loop.
    ///   - responder: answers what the other side asks, if it may.
    ///   - missed: told why, each time that no link came to be over the network; the keeper tries on.
    package init(
        target: LinkTarget, expects: LinkRoleKind, attach: LinkAttach? = nil, eventLoop: any EventLoop,
        program: String = "quantumgate", settings: LinkSettings = LinkSettings(),
        makeDelegate: (@Sendable (LinkPeer, any EventLoop) -> any LinkDelegate)? = nil,
        responder: (any LinkResponder)? = nil, missed: @escaping @Sendable (String) -> Void = { _ in }, logger: Logger
    ) {
        self.target = target
        self.expects = expects
        self.attach = attach
        self.eventLoop = eventLoop
        self.settings = settings
        self.missed = missed
        self.logger = logger
        requester = LinkRequester(eventLoop: eventLoop)
        service = LinkService(
            accepts: [expects], worker: "", program: program,
            admit: { _ in .refused(LinkRefusal(code: .notPermitted, reason: "this side dials")) },
            makeDelegate: makeDelegate, responder: responder)
    }

    /// Keeps the link until cancelled.
    package func run() async {
        var pause = settings.backoffFirst
        while !Task.isCancelled {
            let wasOpen = await keepOnce()
            if wasOpen { pause = settings.backoffFirst }
            let varied = pause * Double.random(in: 0.5...1.5)
            do { try await Task.sleep(for: varied) } catch { return }
            pause = min(pause * 2, settings.backoffLongest)
        }
    }

    /// Dials and stays until the link has ended; says whether it was ever open.
    private func keepOnce() async -> Bool {
        switch target {
        case .memory(let server, let name):
            return await server.serve(
                name, attach: attach, expects: expects, dialling: service, requester: requester,
                eventLoop: eventLoop, logger: logger)
        case .network(let endpoint, let credential):
            do {
                let link = try await dial(endpoint, credential.current())
                await link.conversation.run()
                let wasOpen = await link.wasOpen()
                if !wasOpen { missed(await link.failure().map { "\($0)" } ?? "closed") }
                return wasOpen
            } catch {
                logger.info(
                    "no connection for a link",
                    metadata: [LogKey.address: "\(endpoint)", LogKey.reason: "\(error)"])
                missed("nobody listens there")
                return false
            }
        }
    }

    private func dial(_ endpoint: Endpoint, _ credential: LinkCredential) async throws -> AcceptedLink {
        try await ClientBootstrap(group: eventLoop)
            .connectTimeout(settings.openingTime.timeAmount)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: LinkBuffers.receiving)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.writeBufferWaterMark, value: LinkBuffers.watermark)
            .connect(host: endpoint.host, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: credential.clientContext, serverHostname: nil)
                    return try AcceptedLink.install(
                        on: channel, tls: tls,
                        side: .dialled(expects: self.expects, attach: self.attach, requester: self.requester),
                        service: self.service, settings: self.settings, own: credential.name, logger: self.logger)
                }
            }
    }
}
