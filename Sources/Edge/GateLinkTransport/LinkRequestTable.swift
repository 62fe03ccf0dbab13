import GateLink
import NIOCore

/// Names one request between the task that waits and the loop that answers.
final class LinkRequestTicket: Sendable {
    enum State {
        case fresh
        case started(UInt32)
        case ended
    }

    /// Touched on the loop only.
    let state: NIOLoopBoundBox<State>

    init(eventLoop: any EventLoop) { state = .makeBoxSendingValue(.fresh, eventLoop: eventLoop) }
}

/// The open requests of one requester, on its event loop.
final class LinkRequestTable {
    typealias ReplyContinuation = CheckedContinuation<Result<LinkReply, LinkRequestFailure>, Never>
    typealias WatchContinuation = AsyncThrowingStream<ByteBuffer, any Error>.Continuation

    /// Requests that may wait for a place while the other side serves as many as it said.
    static let waitingMax = 1024
    /// Events of a watch that may wait for the reader.
    static let watchEventsMax = 1024

    private enum Asker {
        case reply(ReplyContinuation, deadline: NIODeadline)
        case watch(WatchContinuation)
    }

    private let eventLoop: any EventLoop
    private var link: Link?
    private var requestsMax = 0
    private var lastID: UInt32 = 0
    private var alarm = DeadlineAlarm()
    /// Every request that has not ended, sent or not.
    private var askers: [UInt32: (asker: Asker, ticket: LinkRequestTicket)] = [:]
    private var sent: Set<UInt32> = []
    private var waiting = CircularBuffer<(id: UInt32, request: LinkRequest)>()
    private var linkWaiters: [UInt32: (CheckedContinuation<Bool, Never>, LinkRequestTicket)] = [:]

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    func start(
        _ request: LinkRequest, ticket: LinkRequestTicket, deadline: Duration, continuation: ReplyContinuation
    ) {
        guard case .fresh = ticket.state.value else { return continuation.resume(returning: .failure(.cancelled)) }
        guard let link else { return continuation.resume(returning: .failure(.disconnected)) }
        let isFull = sent.count >= requestsMax
        guard !isFull || waiting.count < LinkRequestTable.waitingMax else {
            return continuation.resume(returning: .failure(.overloaded))
        }
        let id = nextID()
        let end = eventLoop.now + deadline.timeAmount
        askers[id] = (.reply(continuation, deadline: end), ticket)
        mind(end)
        ticket.state.value = .started(id)
        guard !isFull else { return waiting.append((id, request)) }
        sent.insert(id)
        link.send(.request(id: id, request))
        link.flushSoon()
    }

    func start(_ request: LinkRequest, ticket: LinkRequestTicket, watch: WatchContinuation) {
        guard case .fresh = ticket.state.value else { return }
        guard let link else { return watch.finish(throwing: LinkRequestFailure.disconnected) }
        let id = nextID()
        askers[id] = (.watch(watch), ticket)
        ticket.state.value = .started(id)
        link.send(.request(id: id, request))
        link.flush()
    }

    func awaitLink(ticket: LinkRequestTicket, continuation: CheckedContinuation<Bool, Never>) {
        guard case .fresh = ticket.state.value else { return continuation.resume(returning: false) }
        guard link == nil else { return continuation.resume(returning: true) }
        let id = nextID()
        ticket.state.value = .started(id)
        linkWaiters[id] = (continuation, ticket)
    }

    func cancel(_ ticket: LinkRequestTicket) {
        switch ticket.state.value {
        case .fresh: ticket.state.value = .ended
        case .ended: break
        case .started(let id):
            if let (waiter, _) = linkWaiters.removeValue(forKey: id) {
                ticket.state.value = .ended
                return waiter.resume(returning: false)
            }
            end(id, with: .failure(.cancelled), tellsOther: true)
        }
    }

    func opened(_ link: Link, requestsMax: Int) {
        self.link = link
        self.requestsMax = max(1, requestsMax)
        let waiters = linkWaiters
        linkWaiters = [:]
        for (waiter, ticket) in waiters.values {
            ticket.state.value = .ended
            waiter.resume(returning: true)
        }
    }

    func closed(_ link: Link) {
        guard self.link === link else { return }
        self.link = nil
        waiting.removeAll()
        alarm.cancel()
        for id in askers.keys { end(id, with: .failure(.disconnected), tellsOther: false) }
    }

    func received(_ reply: LinkReply, id: UInt32) { end(id, with: .success(reply), tellsOther: false) }

    func received(event: ByteBuffer, id: UInt32) {
        guard case .watch(let continuation) = askers[id]?.asker else { return }
        switch continuation.yield(event) {
        case .enqueued, .terminated: break
        case .dropped: end(id, with: .failure(.overloaded), tellsOther: true)
        @unknown default: break
        }
    }

    /// Takes a request off the table and tells its task; a late reply finds nothing.
    private func end(_ id: UInt32, with result: Result<LinkReply, LinkRequestFailure>, tellsOther: Bool) {
        guard let (asker, ticket) = askers.removeValue(forKey: id) else { return }
        ticket.state.value = .ended
        let wasSent = sent.remove(id) != nil
        switch asker {
        case .reply(let continuation, _):
            continuation.resume(returning: result)
            if tellsOther, wasSent { tell(.cancel(id: id)) }
        case .watch(let continuation):
            continuation.finish(throwing: result.watchEnd)
            if tellsOther { tell(.cancel(id: id)) }
        }
        if wasSent { sendWaiting() }
    }

    private func mind(_ deadline: NIODeadline) {
        guard !alarm.rings(by: deadline) else { return }
        alarm.set(for: deadline, on: eventLoop) { [weak self] in self?.endLate() }
    }

    private func endLate() {
        alarm.cancel()
        let now = eventLoop.now
        var next: NIODeadline?
        for (id, (asker, _)) in askers {
            guard case .reply(_, let deadline) = asker else { continue }
            if deadline <= now {
                end(id, with: .failure(.deadlineExceeded), tellsOther: true)
            } else {
                next = min(next ?? deadline, deadline)
            }
        }
        if let next { mind(next) }
    }

    private func tell(_ frame: LinkFrame) {
        link?.send(frame)
        link?.flush()
    }

    private func sendWaiting() {
        guard let link else { return }
        var hasSent = false
        while sent.count < requestsMax, let (id, request) = waiting.popFirst() {
            guard askers[id] != nil else { continue }
            sent.insert(id)
            link.send(.request(id: id, request))
            hasSent = true
        }
        if hasSent { link.flushSoon() }
    }

    private func nextID() -> UInt32 {
        repeat { lastID &+= 1 } while lastID == 0 || askers[lastID] != nil || linkWaiters[lastID] != nil
        return lastID
    }
}

extension Result<LinkReply, LinkRequestFailure> {
    fileprivate var watchEnd: LinkRequestFailure? {
        switch self {
        case .success(let reply): reply.status == .done ? nil : .answered(reply.status, reason: reply.reason)
        case .failure(let failure): failure
        }
    }
}
