import GateModel
import GateStore
import GateTransport
import GateWire
import Logging
import NIOCore

/// Empties a worker: takes no new peers, sends those that there are to other workers, lets sessions go that nothing uses,
/// and says goodbye to the rest at the end.
///
///     serving ◀──told off──── draining ──stop──▶ stopped      (whatever is told then)
///        └──────told on────────▲ └─ once a second a share of the sessions moves, and idle ones close
///        └──stop──────────────────────────────────▲
///
/// A peer that is told that its worker goes away dials again and goes on with its session at whichever worker answers.
/// Sessions that this worker dialled, or that can't be resumed, end with it.
struct WorkerDrain: Sendable {
    let host: SessionHost
    let listeners: PeerListeners
    let contexts: [LoopContext]
    /// This worker's name.
    let worker: String
    let store: any WorkerStore
    let logger: Logger

    /// Sessions that are moved each second at least; of many, a tenth: so that the other workers' handshakes are spread.
    static let movedMin = 50
    /// How long, in seconds, a session that goes on elsewhere waits at most to be written down first.
    static let notePatience: Int64 = 10

    /// The registry says whether the worker drains: told by `quantumgate drain`.
    func set(_ isDraining: Bool) async {
        guard host.gate.setDraining(isDraining) else { return }
        logger.notice(isDraining ? "Draining: no new peers are taken" : "Draining no more: peers are taken again")
        host.kernel.announceDrain(isDraining)
        guard !isDraining else { return await listeners.close() }
        do {
            try await listeners.open()
            // Stopped, or told to drain again, meanwhile.
            if host.gate.isDraining { await listeners.close() }
        } catch {
            logger.error("Peers can't connect again", metadata: ["error": "\(error)"])
        }
    }

    /// While the worker drains: closes sessions that carry no stream, no circuit and nothing that waits; those in use are
    /// asked to move as long as another worker takes them. Who is not written down yet could not go on there, and waits.
    func moveOn() async {
        guard host.gate.isDraining else { return }
        let all = host.kernel.sessions
        let unwritten = host.registry?.unwrittenSessions ?? []
        let wall = SystemClock.wall()
        let sessions = all.filter { session in
            !session.goesOnElsewhere || !unwritten.contains(session.id)
                || session.since + WorkerDrain.notePatience < wall
        }
        if sessions.count < all.count { host.registry?.writeSoon() }
        var moving = await hasOthers() ? max(WorkerDrain.movedMin, all.count / 10) : 0
        for session in sessions {
            let moves = moving > 0 && session.goesOnElsewhere
            if moves { moving -= 1 }
            session.eventLoop.execute { if moves || session.isIdle { session.close(session.farewell) } }
        }
    }

    private func hasOthers() async -> Bool {
        guard let workers = try? await store.workers() else { return false }
        return workers.contains { $0.registration.name != worker && !$0.isDraining }
    }

    /// Takes no new peers and says goodbye to all there are, those over circuits first; returns when that has left.
    func stop() async {
        host.gate.stop()
        await listeners.close()
        await host.registry?.settled()
        for isRelayed in [true, false] {
            for session in host.kernel.sessions where session.isRelayed == isRelayed {
                session.eventLoop.execute { session.close(session.farewell) }
            }
            for context in contexts { try? await context.eventLoop.submit {}.get() }
        }
    }
}

extension SessionEndpoint {
    /// Whether the peer may go on with the session at another worker.
    fileprivate var goesOnElsewhere: Bool { isInbound && way.isResumable }

    /// What a peer is told when the worker goes: to dial again, where the peer dialled; else that it is over.
    fileprivate var farewell: SessionCloseReason { isInbound ? .goingAway : .done }
}
