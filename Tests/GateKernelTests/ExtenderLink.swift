import GateLink
import GateLinkStore
import GateLinkTransport
import GateModel
import GateStore
import GateTestKit
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import GateKernel

/// A replica of ``KernelNode/extender`` on a link within the process, frame by frame.
final class ExtenderLink: Sendable {
    private let frames: AsyncStream<LinkFrame>
    private let arrived: AsyncStream<LinkFrame>.Continuation
    private let link: NIOLoopBoundBox<Link?>
    private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

    private init() {
        (frames, arrived) = AsyncStream.makeStream()
        link = .makeBoxSendingValue(nil, eventLoop: eventLoop)
    }

    /// Runs `body` with a replica attached to the node's worker.
    static func attached(to node: KernelNode, _ body: (ExtenderLink) async throws -> Void) async throws {
        let name = try #require(LinkName(node: node.uuid, role: .extender(KernelNode.extender), name: "test-1"))
        try await node.store.setRights(RightsRow(name: name.rightsName, extenders: [KernelNode.extender]))
        let replica = ExtenderLink()
        let keeper = LinkKeeper(
            target: .memory(node.kernel.ready.memoryLinks, as: name), expects: .kernel,
            attach: LinkAttach(extender: KernelNode.extender, name: "test-1", replica: 7),
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

        func linkOpened(_ link: Link) { replica.link.value = link }
        func received(_ frame: LinkFrame, on link: Link) { replica.arrived.yield(frame) }
        func batchCompleted(on link: Link) {}
        func writabilityChanged(on link: Link) {}
        func linkClosed(_ link: Link, failure: LinkFailure?) { replica.arrived.finish() }
    }
}
