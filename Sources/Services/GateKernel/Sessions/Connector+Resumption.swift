import GateModel
import GateSession
import GateStore
import GateTransport
import Logging
import NIOCore

/// Sessions whose connections broke go on over new ones.
extension Connector {
    /// Pause after the first attempt that failed, give or take half; doubled after each, up to ``resumePauseMax``.
    static let resumePauseMin = Duration.milliseconds(50)
    static let resumePauseMax = Duration.seconds(2)

    /// Dials until the session goes on, is refused, or its time is over; then extenders are told that it ended.
    func resume(_ suspended: SuspendedSession) async {
        let node = suspended.node
        suspensions[node] = suspended
        let deadline = SystemClock.now() + table.settings[NodeSettings.resumeWindow]
        var pause = Connector.resumePauseMin
        while kernel.isSuspended(suspended.endpoint), SystemClock.now() < deadline, !Task.isCancelled {
            _ = await goOn(suspended)
            guard kernel.isSuspended(suspended.endpoint) else { break }
            // Not all peers of a worker that died at the same moment.
            try? await Task.sleep(for: pause * Double.random(in: 0.5...1.5))
            pause = min(pause * 2, Connector.resumePauseMax)
        }
        if suspensions[node] === suspended { suspensions[node] = nil }
        suspended.eventLoop.execute { [kernel] in kernel.giveUp(suspended.endpoint) }
    }

    /// The suspended session, or where it is over a direct one with its node. One attempt at a time: two would show one
    /// proof twice.
    func goOn(_ suspended: SuspendedSession) async -> Outcome {
        await shared(.resumption(suspended.endpoint.id)) { await self.redial(suspended) }
    }

    private func redial(_ suspended: SuspendedSession) async -> Outcome {
        if kernel.isSuspended(suspended.endpoint) {
            let known = (try? await store.peer(suspended.node))?.endpoints ?? []
            return await dialler.dial(suspended.node, at: known, resuming: suspended)
        }
        if let session = kernel.session(with: suspended.node) { return .success(session) }
        return await dial(suspended.node, anonymous: false)
    }
}
