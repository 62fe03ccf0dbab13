package import GateLink
package import GateLinkTransport
package import GateStore
package import NIOCore

extension LinkRequester: RequestChannel {
    package func request(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> LinkReply {
        do throws(LinkRequestFailure) {
            return try await reply(to: method, body)
        } catch {
            throw error == .tooLong ? .invalid("the request is longer than a frame") : .unavailable
        }
    }

    package func watch(_ method: String, _ body: ByteBuffer) async throws(StoreFailure) -> AsyncStream<ByteBuffer> {
        let events: AsyncThrowingStream<ByteBuffer, any Error> = watch(method, body)
        let reader = EventReader(events)
        return AsyncStream { await reader.next() }
    }
}

extension LinkStore {
    /// The stores behind a keeper's link to the database service.
    package init(_ requester: LinkRequester) { self.init(channel: requester) }
}

/// Ends a watch's events where they fail: `LinkStore` begins anew then.
private actor EventReader {
    private let events: AsyncThrowingStream<ByteBuffer, any Error>

    init(_ events: AsyncThrowingStream<ByteBuffer, any Error>) { self.events = events }

    func next() async -> ByteBuffer? {
        var iterator = events.makeAsyncIterator()
        return (try? await iterator.next()) ?? nil
    }
}

/// Serves stores on links: what `LinkService.responder` of the database service is.
package struct StoreResponder: LinkResponder {
    private let dispatcher: StoreDispatcher

    package init(_ dispatcher: StoreDispatcher) { self.dispatcher = dispatcher }

    package func respond(to request: LinkRequest, from peer: LinkPeer) async -> LinkReply {
        await dispatcher.reply(to: request.method, request.body, from: peer.name)
    }

    package func watch(_ request: LinkRequest, from peer: LinkPeer) async -> LinkWatchAnswer {
        switch await dispatcher.watch(request.method, request.body, from: peer.name) {
        case .failure(let failure): return .reply(failure.reply)
        case .success(let events):
            let reader = EventForwarder(events)
            return .events(AsyncThrowingStream { await reader.next() })
        }
    }
}

private actor EventForwarder {
    private let events: AsyncStream<ByteBuffer>

    init(_ events: AsyncStream<ByteBuffer>) { self.events = events }

    func next() async -> ByteBuffer? {
        var iterator = events.makeAsyncIterator()
        return await iterator.next()
    }
}
