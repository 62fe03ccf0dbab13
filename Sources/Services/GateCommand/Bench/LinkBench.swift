import GateLink
import GateLinkTransport
import GateModel
import GateSession
import GateTelemetry
import Logging
import NIOCore
import NIOPosix

/// `bench link`: one stream of frames over TLS between two processes, from an extender's side to a kernel's.
enum LinkBench {
    private static let grant = LinkGrant(
        extenders: [ShippedExtender.socks5], mayConnect: true, mayRead: false, mayChange: false)

    /// Measures streams of `byteCount`, so many times.
    static func run(byteCount: Int, rounds: Int) async throws -> [SessionBench.Costs] {
        let folder = try DemoFolder()
        defer { folder.remove() }
        let authority = try LinkAuthority.create(node: try BenchIdentity().credentials.node)
        try authority.issue(role: .kernel, name: "bench").write(to: "\(folder.path)/kernel")
        let credential = try LinkCredential(authority.issue(role: .extender(ShippedExtender.socks5), name: "bench"))
        let other = try BenchCounterpart(.link, arguments: ["--folder", "\(folder.path)/kernel"])
        defer { other.stop() }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let opened = loop.makePromise(of: Void.self)
        let sender = try await loop.submit {
            NIOLoopBound(LinkSender { opened.succeed() }, eventLoop: loop)
        }.get()
        let keeper = LinkKeeper(
            target: .network(
                Endpoint(host: "127.0.0.1", port: other.port), credential: LinkCredentialSource(credential)),
            expects: .kernel,
            attach: LinkAttach(extender: ShippedExtender.socks5, name: "bench", replica: 1, capabilities: []),
            eventLoop: loop,
            makeDelegate: { _, _ in sender.value }, logger: quiet())
        let costs = try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await keeper.run() }
            defer { tasks.cancelAll() }
            try await opened.futureResult.get()
            try await send(StreamLimitsOfBench.warmUpBytes, with: sender, on: loop)
            var costs: [SessionBench.Costs] = []
            for _ in 0..<rounds {
                let before = (own: ProcessCost.ownCPUSeconds(), other: try other.cost().cpuSeconds)
                let start = MonotonicSeconds.now()
                try await send(byteCount, with: sender, on: loop)
                let end = MonotonicSeconds.now()
                costs.append(
                    SessionBench.Costs(
                        seconds: end - start, ownCPU: ProcessCost.ownCPUSeconds() - before.own,
                        otherCPU: try other.cost().cpuSeconds - before.other))
            }
            return costs
        }
        try? await group.shutdownGracefully()
        return costs
    }

    private static func send(
        _ byteCount: Int, with sender: NIOLoopBound<LinkSender>, on loop: any EventLoop
    ) async throws {
        let sent = loop.makePromise(of: Void.self)
        loop.execute {
            sender.value.onEnd = { sent.completeWith($0) }
            sender.value.send(byteCount)
        }
        try await sent.futureResult.get()
    }

    /// The kernel's side, in the other process.
    static func serve(folder: String) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let server = try await LinkServer.bind(
            to: Endpoint(host: "127.0.0.1", port: 0), credential: try LinkCredentialSource(directory: folder),
            service: LinkService(
                accepts: [.extender], worker: "bench", admit: { _ in .granted(grant) },
                makeDelegate: { _, _ in LinkReceiver() }),
            group: group, logger: quiet())
        ReadyLine(["port": "\(server.endpoint.port)"]).printNow()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await server.run() }
            await BenchEndCommand.obey()
            tasks.cancelAll()
        }
    }

    private static func quiet() -> Logger { Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() } }
}

/// Sends streams as fast as credit and the link allow.
private final class LinkSender: LinkDelegate {
    var onEnd: (Result<Void, any Error>) -> Void = { _ in }
    private let onOpen: () -> Void
    private var link: Link?
    private var block = ByteBuffer()
    private var alias: UInt32 = 1
    private var sent: UInt64 = 0
    private var limit: UInt64 = 0
    private var total: UInt64 = 0
    private var isSending = false

    init(onOpen: @escaping () -> Void) { self.onOpen = onOpen }

    func send(_ byteCount: Int) {
        guard let link else { return onEnd(.failure(BenchFailure.sessionEnded("no link"))) }
        if block.readableBytes == 0 { block.writeRepeatingByte(0x5a, count: StreamLimits.dataBytesMax) }
        (sent, limit, total, isSending) = (0, StreamLimits.openerCredit, UInt64(byteCount), true)
        alias += 2
        link.send(
            .streamOpen(
                alias: alias,
                LinkStreamOpen(
                    id: StreamID(replica: 1, counter: UInt64(alias)), extender: ShippedExtender.socks5,
                    session: SessionID(UUIDBytes(high: 1, low: 1)), peer: .anonymous, priority: .bulk,
                    credit: StreamLimits.windowMax)))
        fill(link)
        link.flush()
    }

    func linkOpened(_ link: Link) {
        self.link = link
        onOpen()
    }

    func received(_ frame: LinkFrame, on link: Link) {
        switch frame {
        case .streamCredit(alias, let limit): self.limit = limit
        case .streamAcknowledged(alias, let offset): if offset == total { onEnd(.success(())) }
        default: break  // the other side of a measurement says nothing else
        }
    }

    func batchCompleted(on link: Link) { fill(link) }

    func writabilityChanged(on link: Link) {
        fill(link)
        link.flush()
    }

    func linkClosed(_ link: Link, failure: LinkFailure?) {
        onEnd(.failure(BenchFailure.sessionEnded(failure.map { "\($0)" } ?? "closed")))
        self.link = nil
    }

    private func fill(_ link: Link) {
        while isSending, link.isWritable {
            let count = Int(min(UInt64(block.readableBytes), limit - sent, total - sent))
            guard count > 0, let part = block.getSlice(at: block.readerIndex, length: count) else { break }
            sent += UInt64(count)
            link.send(.streamData(alias: alias, part))
            if sent == total {
                link.send(.streamFinish(alias: alias))
                isSending = false
            }
        }
    }
}

/// Swallows streams, grants credit, and says when a stream has come to its end.
private final class LinkReceiver: LinkDelegate {
    private var received: [UInt32: (count: UInt64, limit: UInt64)] = [:]

    func linkOpened(_ link: Link) {}

    func received(_ frame: LinkFrame, on link: Link) {
        switch frame {
        case .streamOpen(let alias, _): grant(alias, 0, on: link)
        case .streamData(let alias, let data):
            guard let known = received[alias] else { return }
            let count = known.count + UInt64(data.readableBytes)
            received[alias] = (count, known.limit)
            if known.limit - count <= StreamLimits.windowMax / 2 { grant(alias, count, on: link) }
        case .streamFinish(let alias):
            link.send(.streamAcknowledged(alias: alias, offset: received[alias]?.count ?? 0))
            received[alias] = nil
        default: break  // the other side of a measurement says nothing else
        }
    }

    func batchCompleted(on link: Link) {}
    func writabilityChanged(on link: Link) {}
    func linkClosed(_ link: Link, failure: LinkFailure?) {}

    private func grant(_ alias: UInt32, _ count: UInt64, on link: Link) {
        received[alias] = (count, count + StreamLimits.windowMax)
        link.send(.streamCredit(alias: alias, limit: count + StreamLimits.windowMax))
    }
}
