import Foundation
import GateLink
import GateModel
package import GateStore
import NIOCore
import SwiftProtobuf

/// The stores of the database service as seen over a link: what kernels, extenders and the operator's commands use.
///
/// Which calls succeed depends on the caller's role and rights (see `StoreMethod`); others throw `.notPermitted`.
/// While the link is away calls throw `.unavailable`; watches go on once it is back, with `.resynchronise`.
package struct LinkStore: Sendable {
    let channel: any RequestChannel
    /// How long a watch waits before it asks again after its link or the service went away.
    let retryInterval: Duration

    package init(channel: any RequestChannel, retryInterval: Duration = .milliseconds(500)) {
        self.channel = channel
        self.retryInterval = retryInterval
    }

    /// Asks and reads the reply's body.
    func ask<Reply: SwiftProtobuf.Message>(
        _ method: StoreMethod, _ body: some SwiftProtobuf.Message = WireNothing(), as type: Reply.Type = Reply.self
    ) async throws(StoreFailure) -> Reply {
        let reply = try await channel.request(method.rawValue, serialized(body))
        guard reply.status == .done else { throw StoreFailure(reply) }
        do throws(StoreFailure) {
            return try parsed(reply.body, atMost: LinkLimits.payloadBytesMax)
        } catch {
            throw .unavailable
        }
    }

    /// Asks what has no other reply than that it is done.
    func tell(_ method: StoreMethod, _ body: some SwiftProtobuf.Message) async throws(StoreFailure) {
        _ = try await ask(method, body, as: WireNothing.self)
    }

    /// Asks for one row; `nil` where there is none.
    func find<Reply: SwiftProtobuf.Message>(
        _ method: StoreMethod, _ body: some SwiftProtobuf.Message, as type: Reply.Type = Reply.self
    ) async throws(StoreFailure) -> Reply? {
        do throws(StoreFailure) {
            return try await ask(method, body, as: type)
        } catch .notFound {
            return nil
        }
    }
}

extension LinkStore: ChangeFeed {
    package func changes(of topics: Set<StoreTopic>) async throws(StoreFailure) -> AsyncStream<StoreChange> {
        var body = WireTopics()
        body.topics = topics.map(WireTopic.init)
        let watch = LinkWatch(channel: channel, body: serialized(body), retryInterval: retryInterval)
        try await watch.open()
        return AsyncStream { await watch.next() }
    }
}

/// One watch over all the links that it outlives; ends when its reader is cancelled.
private actor LinkWatch {
    private let channel: any RequestChannel
    private let body: ByteBuffer
    private let retryInterval: Duration
    private var events: AsyncStream<ByteBuffer>?

    init(channel: any RequestChannel, body: ByteBuffer, retryInterval: Duration) {
        self.channel = channel
        self.body = body
        self.retryInterval = retryInterval
    }

    func open() async throws(StoreFailure) {
        events = try await channel.watch(StoreMethod.changes.rawValue, body)
    }

    func next() async -> StoreChange? {
        while !Task.isCancelled {
            guard let events else {
                guard (try? await open()) == nil else { continue }
                do { try await Task.sleep(for: retryInterval) } catch { return nil }
                continue
            }
            // A stream has one buffer, whichever iterator reads it.
            var iterator = events.makeAsyncIterator()
            guard let event = await iterator.next() else {
                self.events = nil
                continue
            }
            let wire: WireChange? = try? parsed(event, atMost: LinkLimits.controlBytesMax)
            if let change = try? wire?.change() { return change }
        }
        return nil
    }
}
