package import GateLink
package import NIOCore
import Synchronization

/// Why a request has no result.
package enum LinkRequestFailure: Error, Hashable, Sendable {
    /// There is no link now, or it closed before the reply; whether the request took effect is not known.
    case disconnected
    /// Too many requests wait already, or a watch was not read fast enough.
    case overloaded
    /// No reply within the deadline; whether the request took effect is not known.
    case deadlineExceeded
    case cancelled
    /// The body is longer than a frame holds.
    case tooLong
    /// The other side answered with something else than `done`.
    case answered(LinkReply.Status, reason: String)
}

/// Asks the other side of a link, from any task.
///
/// A keeper's requester outlives its links: while none is open, requests fail with `disconnected`.
package final class LinkRequester: Sendable {
    /// How long a request waits for its reply unless asked otherwise.
    package static let deadlineDefault = Duration.seconds(10)

    private let eventLoop: any EventLoop
    private let table: NIOLoopBoundBox<LinkRequestTable>
    private let starts = Inbox<Start>()

    /// A request on its way to the loop.
    private struct Start: Sendable {
        let request: LinkRequest
        let ticket: LinkRequestTicket
        let deadline: Duration
        let continuation: LinkRequestTable.ReplyContinuation
    }

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        table = .makeBoxSendingValue(LinkRequestTable(eventLoop: eventLoop), eventLoop: eventLoop)
    }

    /// Sends a request and waits for its reply's body.
    package func request(
        _ method: String, _ body: ByteBuffer, deadline: Duration = deadlineDefault
    ) async throws(LinkRequestFailure) -> ByteBuffer {
        let reply = try await reply(to: method, body, deadline: deadline)
        guard reply.status == .done else { throw .answered(reply.status, reason: reply.reason) }
        return reply.body
    }

    /// Sends a request and waits for its reply, whatever its status.
    package func reply(
        to method: String, _ body: ByteBuffer, deadline: Duration = deadlineDefault
    ) async throws(LinkRequestFailure) -> LinkReply {
        guard body.readableBytes <= LinkLimits.payloadBytesMax else { throw .tooLong }
        let request = LinkRequest(method: method, deadlineMilliseconds: deadline.linkMilliseconds, body: body)
        let ticket = LinkRequestTicket(eventLoop: eventLoop)
        let result: Result<LinkReply, LinkRequestFailure> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                start(Start(request: request, ticket: ticket, deadline: deadline, continuation: continuation))
            }
        } onCancel: {
            eventLoop.execute { self.table.value.cancel(ticket) }
        }
        return try result.get()
    }

    private func start(_ start: Start) {
        guard starts.put(start) else { return }
        eventLoop.execute {
            let table = self.table.value
            for start in self.starts.takeAll() {
                table.start(
                    start.request, ticket: start.ticket, deadline: start.deadline, continuation: start.continuation)
            }
        }
    }

    /// Asks for events until the sequence is dropped, or fails: `disconnected` with the link, `overloaded` when more
    /// than ``LinkRequestTable/watchEventsMax`` events wait unread.
    package func watch(_ method: String, _ body: ByteBuffer) -> AsyncThrowingStream<ByteBuffer, any Error> {
        let request = LinkRequest(method: method, isWatch: true, deadlineMilliseconds: 0, body: body)
        let (stream, continuation) = AsyncThrowingStream<ByteBuffer, any Error>.makeStream(
            bufferingPolicy: .bufferingOldest(LinkRequestTable.watchEventsMax))
        let ticket = LinkRequestTicket(eventLoop: eventLoop)
        continuation.onTermination = { _ in self.eventLoop.execute { self.table.value.cancel(ticket) } }
        eventLoop.execute { self.table.value.start(request, ticket: ticket, watch: continuation) }
        return stream
    }

    /// Waits until a link is open; `false` when cancelled first.
    package func connected() async -> Bool {
        let ticket = LinkRequestTicket(eventLoop: eventLoop)
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                eventLoop.execute { self.table.value.awaitLink(ticket: ticket, continuation: continuation) }
            }
        } onCancel: {
            eventLoop.execute { self.table.value.cancel(ticket) }
        }
    }

    // MARK: On the loop, by the link

    func opened(_ link: Link, requestsMax: Int) { table.value.opened(link, requestsMax: requestsMax) }
    func closed(_ link: Link) { table.value.closed(link) }
    func received(_ reply: LinkReply, id: UInt32) { table.value.received(reply, id: id) }
    func received(event: ByteBuffer, id: UInt32) { table.value.received(event: event, id: id) }
}

extension Duration {
    /// Whole milliseconds, rounded up, for a frame.
    var linkMilliseconds: UInt32 {
        let (seconds, attoseconds) = components
        return UInt32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    var timeAmount: TimeAmount { TimeAmount(self) }
}
