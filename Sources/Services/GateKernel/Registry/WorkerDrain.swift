import GateModel
import GateWire
import Logging
import NIOCore

/// Empties a worker: takes no new peers, lets sessions go that nothing uses, and says goodbye to the rest at the end.
///
///     serving ◀──told off──── draining ──stop──▶ stopped
///        └──────told on────────▲ └─ idle sessions close once a second
///        └──stop──────────────────────────────────▲
struct WorkerDrain: Sendable {
    let host: SessionHost
    let listeners: PeerListeners
    let contexts: [LoopContext]
    let logger: Logger

    /// The registry says whether the worker drains: told by `quantumgate drain`.
    func set(_ isDraining: Bool) async {
        guard host.gate.setDraining(isDraining) else { return }
        logger.notice(isDraining ? "Draining: no new peers are taken" : "Draining no more: peers are taken again")
        host.kernel.announceDrain(isDraining)
        guard !isDraining else { return await listeners.close() }
        do {
            try await listeners.open()
        } catch {
            logger.error("Peers can't connect again", metadata: ["error": "\(error)"])
        }
    }

    /// While the worker drains: closes sessions that carry no stream, no circuit and nothing that waits.
    func closeIdle() {
        guard host.gate.isDraining else { return }
        for session in host.kernel.sessions {
            session.eventLoop.execute { if session.isIdle { session.close(.goingAway) } }
        }
    }

    /// Takes no new peers and says goodbye to all there are, those over circuits first; returns when that has left.
    func stop() async {
        _ = host.gate.setDraining(true)
        await listeners.close()
        for isRelayed in [true, false] {
            for session in host.kernel.sessions where session.isRelayed == isRelayed {
                session.eventLoop.execute { session.close(.goingAway) }
            }
            for context in contexts { try? await context.eventLoop.submit {}.get() }
        }
    }
}
