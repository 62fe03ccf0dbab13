package import GateExtenderKit
import GateModel
package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// The SOCKS5 extender: a proxy for programs on this machine, and, where settings allow, an exit for other nodes.
package final class Socks5Service: Sendable {
    private let configuration: Socks5Configuration
    private let logger: Logger
    private let settings = CurrentSettings()
    private let resolver = ExitResolver()
    private let node: ExtenderService
    private let pool: SessionPool

    package init(configuration: Socks5Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        let own = OwnAddresses(advertisedHosts: configuration.advertisedHosts, resolver: resolver)
        let exit = Socks5Exit(
            dialler: ExitDialler(resolver: resolver, own: own), settings: settings,
            answerTime: configuration.answerTime, logger: logger)
        let links = PoolLink()
        node = ExtenderService(
            extender: Socks5Extender(exit: exit, links: links), limits: configuration.limits,
            access: configuration.access, group: configuration.group, logger: logger)
        self.pool = SessionPool(service: node, connectTime: configuration.connectTime)
        links.pool = self.pool
    }

    /// The node as the kit sees it.
    package var extender: ExtenderService { node }

    /// Serves until cancelled.
    package func run() async throws {
        let listeners = try await bind()
        resolver.start()
        do {
            try await serve(on: listeners)
        } catch {
            await resolver.stop()
            throw error
        }
        await resolver.stop()
    }

    private func serve(on listeners: [Listener]) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.node.run() }
            group.addTask { await self.followSettings() }
            for listener in listeners { group.addTask { try await self.serve(listener) } }
            group.addTask {
                await self.node.attached()
                if !Task.isCancelled { self.configuration.ready(listeners.compactMap { $0.endpoint }) }
                for await _ in AsyncStream.makeStream(of: Void.self).stream {}
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func followSettings() async {
        while !Task.isCancelled {
            do {
                try await (configuration.settings ?? node.settings).follow(prefix: "socks5.") { [settings] texts in
                    settings.value = Socks5Settings(texts)
                }
                for await _ in AsyncStream.makeStream(of: Void.self).stream {}
            } catch {
                logger.warning("the node's settings can't be read; trying again", metadata: ["reason": "\(error)"])
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func bind() async throws -> [Listener] {
        let time = configuration.exchangeTime
        var listeners: [Listener] = []
        for endpoint in configuration.listen {
            let channel = try await ServerBootstrap(group: configuration.group)
                .serverChannelOption(.backlog, value: 512)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.recvAllocator, value: SplicedChannel.receiving)
                .childChannelOption(.maxMessagesPerRead, value: 2)
                .childChannelOption(.writeBufferWaterMark, value: SplicedChannel.watermark)
                .bind(host: endpoint.host, port: Int(endpoint.port)) { channel in
                    channel.eventLoop.makeCompletedFuture { try Socks5Client(channel, time: time) }
                }
            listeners.append(channel)
        }
        return listeners
    }

    private func serve(_ listener: Listener) async throws {
        let exits = Socks5Exits(
            pool: pool, settings: settings, ownExitNodes: configuration.exitNodes, logger: logger)
        try await listener.executeThenClose { clients in
            try await withThrowingDiscardingTaskGroup { group in
                let count = ClientCount()
                for try await client in clients {
                    guard count.enter(atMost: configuration.clientsMax) else {
                        client.channel.close(promise: nil)
                        continue
                    }
                    group.addTask {
                        await client.serve(over: exits, logger: self.logger)
                        count.leave()
                    }
                }
                group.cancelAll()
            }
        }
    }
}

private typealias Listener = NIOAsyncChannel<Socks5Client, Never>

extension NIOAsyncChannel<Socks5Client, Never> {
    /// Where it listens.
    fileprivate var endpoint: Endpoint? {
        guard let address = channel.localAddress, let host = address.ipAddress, let port = address.port else {
            return nil
        }
        return Endpoint(host: host, port: UInt16(clamping: port))
    }
}

/// Clients that are served now.
private final class ClientCount: Sendable {
    private let count = Atomic<Int>(0)

    func enter(atMost maximum: Int) -> Bool {
        guard count.add(1, ordering: .relaxed).newValue <= maximum else {
            leave()
            return false
        }
        return true
    }

    func leave() { count.subtract(1, ordering: .relaxed) }
}

/// What the node calls.
private struct Socks5Extender: Extender {
    let id = ShippedExtender.socks5
    let name = "socks5"
    let exit: Socks5Exit
    let links: PoolLink

    func opened(_ stream: PeerStream) async throws { try await exit.serve(stream) }

    func peerChanged(_ change: PeerChange) async {
        if change.kind == .disconnected { await links.pool?.ended(change.session.id) }
    }
}

/// The pool, which comes to be after the extender that tells it of ended sessions.
private final class PoolLink: Sendable {
    private let held = Mutex<SessionPool?>(nil)

    var pool: SessionPool? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}
