package import GateLink
package import NIOCore
import Synchronization

/// Answers requests, in tasks on the link's event loop, which it must not block; called at once for as many requests as the
/// service allows per link.
///
/// The task is cancelled when the asker cancels, the deadline passes or the link closes.
package protocol LinkResponder: Sendable {
    /// One request, one reply.
    func respond(to request: LinkRequest, from peer: LinkPeer) async -> LinkReply
    /// One watch; the default knows none.
    func watch(_ request: LinkRequest, from peer: LinkPeer) async -> LinkWatchAnswer
}

extension LinkResponder {
    package func watch(_ request: LinkRequest, from peer: LinkPeer) async -> LinkWatchAnswer {
        .reply(LinkReply(status: .unknownMethod, reason: "no such watch: \(request.method)"))
    }
}

/// What a watch brings.
package enum LinkWatchAnswer: Sendable {
    /// Events until the stream ends. A thrown ``LinkRequestFailure/answered(_:reason:)`` becomes the reply, anything
    /// else the reply `failed`.
    case events(AsyncThrowingStream<ByteBuffer, any Error>)
    /// No events.
    case reply(LinkReply)
}

/// One request on its way through a responder.
final class LinkWork: Sendable {
    let id: UInt32
    let request: LinkRequest
    let peer: LinkPeer
    private let state = Mutex(State())

    /// `@unchecked Sendable`: a task's reference is kept from ``begin(in:)`` to ``end()`` only, while the task lives.
    private struct State: @unchecked Sendable {
        var task: UnsafeCurrentTask?
        var isStopped = false
    }

    init(id: UInt32, request: LinkRequest, peer: LinkPeer) {
        self.id = id
        self.request = request
        self.peer = peer
    }

    /// The task that does the work: ``stop()`` cancels it until ``end()``.
    func begin(in task: UnsafeCurrentTask?) {
        let kept = State(task: task)
        state.withLock { state in
            if state.isStopped { kept.task?.cancel() }
            state.task = kept.task
        }
    }

    func end() { state.withLock { $0.task = nil } }

    /// Cancels the work, whether it has begun or not; from any thread.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.task?.cancel()
        }
    }
}

/// What a link asks of tasks.
enum LinkTask: Sendable {
    case admit(LinkPeer)
    case respond(LinkWork)
}

/// The requests that one link has open with us, on its event loop; hands them to tasks and sends what they answer.
final class LinkRequestDesk {
    private struct Entry {
        let work: LinkWork
        /// When the reply has to be there; none for a watch.
        let deadline: NIODeadline?
        /// Whether the reply is out; the place is kept until the task has ended.
        var isAnswered = false
    }

    private let eventLoop: any EventLoop
    private let tasks: AsyncStream<LinkTask>.Continuation
    private let requestsMax: Int
    private let watchesMax: Int
    private let hasResponder: Bool
    private weak var link: Link?
    private var entries: [UInt32: Entry] = [:]
    private var watchCount = 0
    private var alarm = DeadlineAlarm()
    private var writableWaiters: [EventLoopPromise<Void>] = []

    init(
        eventLoop: any EventLoop, tasks: AsyncStream<LinkTask>.Continuation, requestsMax: Int, watchesMax: Int,
        hasResponder: Bool
    ) {
        self.eventLoop = eventLoop
        self.tasks = tasks
        self.requestsMax = requestsMax
        self.watchesMax = watchesMax
        self.hasResponder = hasResponder
    }

    func opened(_ link: Link) { self.link = link }

    /// `false` where the id is in use: the other side is at fault.
    func received(_ request: LinkRequest, id: UInt32, from peer: LinkPeer) -> Bool {
        guard entries[id] == nil else { return false }
        guard hasResponder else {
            answer(id, LinkReply(status: .unknownMethod, reason: "no requests are served here"))
            return true
        }
        let isFull = request.isWatch ? watchCount >= watchesMax : entries.count - watchCount >= requestsMax
        guard !isFull else {
            answer(id, LinkReply(status: .overloaded, reason: "too many at once"))
            return true
        }
        let work = LinkWork(id: id, request: request, peer: peer)
        let deadline = request.isWatch ? nil : deadline(of: request)
        entries[id] = Entry(work: work, deadline: deadline)
        if let deadline { mind(deadline) } else { watchCount += 1 }
        tasks.yield(.respond(work))
        return true
    }

    func cancelled(id: UInt32) { stop(id, .cancelled) }

    /// The task of a request has ended.
    func ended(_ work: LinkWork, with reply: LinkReply?) {
        guard let entry = entries.removeValue(forKey: work.id) else { return }
        if work.request.isWatch { watchCount -= 1 }
        if !entry.isAnswered, let reply { answer(work.id, reply) }
    }

    /// Sends one event of a watch; the future is done when there is room for the next, and fails with the link.
    func send(event: ByteBuffer, of work: LinkWork) -> EventLoopFuture<Void> {
        guard let link, link.isOpen, let entry = entries[work.id], !entry.isAnswered else {
            return eventLoop.makeFailedFuture(LinkRequestFailure.disconnected)
        }
        link.send(.watchEvent(id: work.id, event))
        link.flush()
        guard !link.isWritable else { return eventLoop.makeSucceededVoidFuture() }
        let promise = eventLoop.makePromise(of: Void.self)
        writableWaiters.append(promise)
        return promise.futureResult
    }

    func writabilityChanged(_ isWritable: Bool) {
        guard isWritable else { return }
        let waiters = writableWaiters
        writableWaiters = []
        for waiter in waiters { waiter.succeed() }
    }

    func closed() {
        link = nil
        alarm.cancel()
        for id in entries.keys { stop(id, .cancelled) }
        let waiters = writableWaiters
        writableWaiters = []
        for waiter in waiters { waiter.fail(LinkRequestFailure.disconnected) }
        tasks.finish()
    }

    private func deadline(of request: LinkRequest) -> NIODeadline {
        let longest: UInt32 = 60_000
        let milliseconds = request.deadlineMilliseconds == 0 ? longest : min(request.deadlineMilliseconds, longest)
        return eventLoop.now + .milliseconds(Int64(milliseconds))
    }

    private func mind(_ deadline: NIODeadline) {
        guard !alarm.rings(by: deadline) else { return }
        alarm.set(for: deadline, on: eventLoop) { [weak self] in self?.stopLate() }
    }

    private func stopLate() {
        alarm.cancel()
        let now = eventLoop.now
        for (id, entry) in entries where !entry.isAnswered && entry.deadline.map({ $0 <= now }) ?? false {
            stop(id, .deadlineExceeded)
        }
        if let next = entries.values.filter({ !$0.isAnswered }).compactMap(\.deadline).min() { mind(next) }
    }

    private func stop(_ id: UInt32, _ status: LinkReply.Status) {
        guard let entry = entries[id], !entry.isAnswered else { return }
        entries[id]?.isAnswered = true
        entry.work.stop()
        if status != .cancelled { answer(id, LinkReply(status: status)) }
    }

    private func answer(_ id: UInt32, _ reply: LinkReply) {
        guard let link else { return }
        var reply = reply
        if reply.body.readableBytes > LinkLimits.payloadBytesMax {
            reply = LinkReply(status: .failed, reason: "the reply is longer than a frame")
        }
        link.send(.reply(id: id, reply))
        link.flushSoon()
    }
}
