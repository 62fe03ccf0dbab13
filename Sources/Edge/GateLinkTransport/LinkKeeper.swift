package import GateLink
package import GateModel
import GateTelemetry
package import Logging
package import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Where a keeper dials.
package enum LinkTarget: Sendable {
    /// Over TCP and TLS.
    case network(Endpoint, credential: LinkCredentialSource)
    /// Over TCP and TLS, to any one of several that serve alike. A name may have several addresses, too.
    case replicas([Endpoint], credential: LinkCredentialSource)
    /// Within this process, under this name.
    case memory(MemoryLinkServer, as: LinkName)
}

/// Keeps one link open, to one place or to any of several: dials, waits for its end, dials again.
///
/// Where there are several addresses each is tried in a round, in random order, those that failed or were lost last; so
/// a lost link is soon replaced by one to another place. Between rounds are growing, varied pauses.
package final class LinkKeeper: Sendable {
    /// Asks the other side; stays the same over all links.
    package let requester: LinkRequester
    private let target: LinkTarget
    private let expects: LinkRoleKind
    private let process: String?
    private let attach: LinkAttach?
    private let service: LinkService
    private let settings: LinkSettings
    private let eventLoop: any EventLoop
    private let lastFailed = FailedAddresses()
    private let missed: @Sendable (String) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - expects: the role that must answer.
    ///   - process: the name that must answer, as the last part of its certificate's; `nil`: any of the role.
    ///   - attach: set to serve as an extender; the link opens when that is granted.
    ///   - eventLoop: where the link, its delegate and the requester live; the loop of a posix event loop group.
    ///   - makeDelegate: makes who takes the frames, anew for each link, on the loop.
    ///   - responder: answers what the other side asks, if it may.
    ///   - missed: told why, each time that no link came to be over the network; the keeper tries on.
    package init(
        target: LinkTarget, expects: LinkRoleKind, process: String? = nil, attach: LinkAttach? = nil,
        eventLoop: any EventLoop, program: String = "quantumgate", settings: LinkSettings = LinkSettings(),
        makeDelegate: (@Sendable (LinkPeer, any EventLoop) -> any LinkDelegate)? = nil,
        responder: (any LinkResponder)? = nil, missed: @escaping @Sendable (String) -> Void = { _ in }, logger: Logger
    ) {
        self.target = target
        self.expects = expects
        self.process = process
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
        var openingTime = settings.openingTimeAmongMany
        while !Task.isCancelled {
            let wasOpen = await tryOnce(openingTime)
            if wasOpen { (pause, openingTime) = (settings.backoffFirst, settings.openingTimeAmongMany) }
            let varied = pause * Double.random(in: 0.5...1.5)
            do { try await Task.sleep(for: varied) } catch { return }
            if !wasOpen { pause = min(pause * 2, settings.backoffLongest) }
            openingTime = min(openingTime * 2, settings.openingTime)
        }
    }

    /// Tries every place once, until a link was open and has ended; says whether one was.
    private func tryOnce(_ openingTime: Duration) async -> Bool {
        switch target {
        case .memory(let server, let name):
            return await server.serve(
                name, attach: attach, expects: expects, dialling: service, requester: requester,
                eventLoop: eventLoop, logger: logger)
        case .network(let endpoint, let credential): return await tryAll([endpoint], credential, openingTime)
        case .replicas(let endpoints, let credential): return await tryAll(endpoints, credential, openingTime)
        }
    }

    private func tryAll(
        _ endpoints: [Endpoint], _ credential: LinkCredentialSource, _ openingTime: Duration
    ) async -> Bool {
        let (found, missing) = await LinkAddresses.all(of: endpoints)
        let addresses = lastFailed.inOrder(found)
        var settings = settings
        if addresses.count > 1 { settings.openingTime = openingTime }
        var reasons = missing
        for address in addresses where !Task.isCancelled {
            switch await stay(at: address, credential, settings) {
            case nil:
                lastFailed.note(address)
                return true
            case .some(let reason):
                lastFailed.note(address)
                reasons.append(addresses.count + missing.count > 1 ? "\(address): \(reason)" : reason)
            }
        }
        if !Task.isCancelled { missed(reasons.joined(separator: "; ")) }
        return false
    }

    /// Dials and stays until the link has ended; `nil` where it was open, else why it was not.
    private func stay(
        at address: SocketAddress, _ credential: LinkCredentialSource, _ settings: LinkSettings
    ) async -> String? {
        do {
            let link = try await dial(address, credential, settings)
            await link.conversation.run()
            if await link.wasOpen() { return nil }
            return await link.failure().map { "\($0)" } ?? "closed"
        } catch {
            logger.info(
                "no connection for a link",
                metadata: [LogKey.address: "\(address)", LogKey.reason: "\(error)"])
            return "nobody listens there"
        }
    }

    private func dial(
        _ address: SocketAddress, _ source: LinkCredentialSource, _ settings: LinkSettings
    ) async throws -> AcceptedLink {
        let credential = source.current()
        return try await ClientBootstrap(group: eventLoop)
            .connectTimeout(settings.openingTime.timeAmount)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: LinkBuffers.receiving)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.writeBufferWaterMark, value: LinkBuffers.watermark)
            .connect(to: address) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try NIOSSLClientHandler(context: credential.clientContext, serverHostname: nil)
                    return try AcceptedLink.install(
                        on: channel, tls: tls,
                        side: .dialled(
                            expects: self.expects, process: self.process, attach: self.attach,
                            requester: self.requester),
                        service: self.service, settings: settings, own: credential, source: source, logger: self.logger)
                }
            }
    }
}

/// Which addresses failed or were lost, so that they are tried after the others.
private final class FailedAddresses: Sendable {
    private let failed = Mutex<[SocketAddress]>([])

    /// How many are remembered.
    private static let countMax = 64

    func note(_ address: SocketAddress) {
        failed.withLock { failed in
            failed.removeAll { $0 == address }
            failed.append(address)
            if failed.count > FailedAddresses.countMax { failed.removeFirst() }
        }
    }

    /// Those that never failed first, then the rest, the latest to fail last.
    func inOrder(_ addresses: [SocketAddress]) -> [SocketAddress] {
        let failed = failed.withLock(\.self)
        return addresses.filter { !failed.contains($0) } + failed.filter(addresses.contains)
    }
}
