import GateLink
import NIOCore

/// The part of a link that needs tasks: admission and answering requests. One per link, from TCP to closed.
///
/// `run()` belongs into the task group of who accepts or dials. The tasks run on the link's event loop: a request that came
/// costs no change of threads but those of whom it is about.
final class LinkConversation: Sendable {
    let tasks: AsyncStream<LinkTask>.Continuation
    let desk: NIOLoopBoundBox<LinkRequestDesk>
    private let eventLoop: any EventLoop
    private let stream: AsyncStream<LinkTask>
    private let admit: (@Sendable (LinkPeer) async -> LinkAdmission)?
    private let responder: (any LinkResponder)?
    private let admitted: @Sendable (LinkAdmission) -> Void
    private let leave: @Sendable (LinkGoAway) -> Void

    /// - Parameters:
    ///   - admitted: takes the decision, from any thread.
    ///   - leave: closes the link, from any thread.
    init(
        eventLoop: any EventLoop, service: LinkService, isDialled: Bool,
        admitted: @escaping @Sendable (LinkAdmission) -> Void, leave: @escaping @Sendable (LinkGoAway) -> Void
    ) {
        self.eventLoop = eventLoop
        (stream, tasks) = AsyncStream.makeStream(bufferingPolicy: .unbounded)  // bounded by the desk
        desk = .makeBoxSendingValue(
            LinkRequestDesk(
                eventLoop: eventLoop, tasks: tasks, requestsMax: service.requestsMax,
                watchesMax: service.watchesMax, hasResponder: service.responder != nil),
            eventLoop: eventLoop)
        admit = isDialled ? nil : service.admit
        responder = service.responder
        self.admitted = admitted
        self.leave = leave
    }

    /// Serves until the link is closed; cancellation closes it.
    func run() async {
        await withTaskCancellationHandler {
            await withTaskExecutorPreference(LoopTaskExecutor(eventLoop)) { await serve() }
        } onCancel: {
            leave(LinkGoAway(code: .stopping, reason: "stopping"))
        }
    }

    private func serve() async {
        await withDiscardingTaskGroup { group in
            for await task in stream {
                switch task {
                case .admit(let peer): group.addTask { await self.decide(on: peer) }
                case .respond(let work): group.addTask { await self.perform(work) }
                }
            }
            group.cancelAll()
        }
    }

    private func decide(on peer: LinkPeer) async {
        guard let admit else { return }
        admitted(await admit(peer))
    }

    private func perform(_ work: LinkWork) async {
        let answer = await withUnsafeCurrentTask { task in
            work.begin(in: task)
            defer { work.end() }
            return await self.answer(work)
        }
        // What was called off may have answered anything.
        let reply = Task.isCancelled ? nil : answer
        if eventLoop.inEventLoop {
            desk.value.ended(work, with: reply)
        } else {
            eventLoop.execute { self.desk.value.ended(work, with: reply) }
        }
    }

    private func answer(_ work: LinkWork) async -> LinkReply? {
        guard let responder else { return nil }
        guard work.request.isWatch else { return await responder.respond(to: work.request, from: work.peer) }
        switch await responder.watch(work.request, from: work.peer) {
        case .reply(let reply): return reply
        case .events(let events):
            do {
                for try await event in events {
                    try await eventLoop.flatSubmit { self.desk.value.send(event: event, of: work) }.get()
                }
                return LinkReply(status: .done)
            } catch LinkRequestFailure.answered(let status, let reason) {
                return LinkReply(status: status, reason: reason)
            } catch {
                return LinkReply(status: .failed)
            }
        }
    }
}
