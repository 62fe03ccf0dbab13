import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateStore
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GateKernel

/// A replica of ``KernelNode/extender`` on a link within the process, frame by frame.
final class ExtenderLink: Sendable {
    private let frames: AsyncStream<LinkFrame>
    private let arrived: AsyncStream<LinkFrame>.Continuation
    private let link: NIOLoopBoundBox<Link?>
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

    /// What the replica says first on each link; `nil` where its attachments end with their links.
    private let word: (@Sendable () -> LinkGoOn)?
    private let counted = Atomic<UInt64>(0)

    private init(_ word: (@Sendable () -> LinkGoOn)?) {
        self.word = word
        (frames, arrived) = AsyncStream.makeStream()
        link = .makeBoxSendingValue(nil, eventLoop: eventLoop)
    }

    /// Counted frames that have come.
    var takenCount: UInt64 { counted.load(ordering: .relaxed) }

    /// Runs `body` with a replica attached to the node's worker.
    static func attached(
        to node: KernelNode, as name: String = "test-1", replica: UInt64 = 7,
        saying word: (@Sendable () -> LinkGoOn)? = nil, _ body: (ExtenderLink) async throws -> Void
    ) async throws {
        let name = try #require(LinkName(node: node.uuid, role: .extender(KernelNode.extender), name: name))
        try await node.store.setRights(RightsRow(name: name.rightsName, extenders: [KernelNode.extender]))
        try await attached(to: node.kernel.ready.memoryLinks, as: name, replica, word, body)
    }

    /// The same with a server of links that is no node's.
    static func attached(
        to server: MemoryLinkServer, as name: LinkName, _ id: UInt64 = 7, _ word: (@Sendable () -> LinkGoOn)? = nil,
        _ body: (ExtenderLink) async throws -> Void
    ) async throws {
        let replica = ExtenderLink(word)
        let keeper = LinkKeeper(
            target: .memory(server, as: name), expects: .kernel,
            attach: LinkAttach(
                extender: KernelNode.extender, name: name.name, replica: id,
                capabilities: word == nil ? [] : [LinkAttach.goesOn]),
            eventLoop: replica.eventLoop, makeDelegate: { _, _ in Delegate(replica) },
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await keeper.run() }
            defer { tasks.cancelAll() }
            _ = await keeper.requester.connected()
            try await body(replica)
        }
    }

    func send(_ frame: LinkFrame) async throws {
        try await eventLoop.submit {
            self.link.value?.send(frame)
            self.link.value?.flush()
        }.get()
    }

    /// The next frame that `pick` makes something of.
    func next<Value>(_ pick: (LinkFrame) -> Value?) async throws -> Value {
        for await frame in frames { if let value = pick(frame) { return value } }
        throw ChannelError.eof
    }

    private final class Delegate: LinkDelegate {
        private let replica: ExtenderLink

        init(_ replica: ExtenderLink) { self.replica = replica }

        func linkOpened(_ link: Link) {
            replica.link.value = link
            guard let word = replica.word else { return }
            link.send(.goOn(word()))
            link.flush()
        }

        func received(_ frame: LinkFrame, on link: Link) {
            if frame.isCounted { replica.counted.add(1, ordering: .relaxed) }
            replica.arrived.yield(frame)
        }

        func batchCompleted(on link: Link) {}
        func writabilityChanged(on link: Link) {}
        func linkClosed(_ link: Link, failure: LinkFailure?) { if replica.word == nil { replica.arrived.finish() } }
    }
}
