import GateModel
import GateWire
import Logging

/// Credit that the peer grants on streams, on its way to extenders.
extension SessionEndpoint {
    /// Tells the stream's extender what it may send now, if that is news.
    func passOnCredit(_ bridge: StreamBridge, isItsTurn: Bool = false) {
        if let limit = creditToTell(bridge, isItsTurn: isItsTurn) { toLink(bridge, .credit(limit: limit)) }
    }

    /// The limit that the stream's extender is to be told with what goes to it now.
    func creditToTell(_ bridge: StreamBridge, isItsTurn: Bool = false) -> UInt64? {
        guard let waiting = driver?.waitingByteCount else { return nil }
        return ledger.next(
            &bridge.credit, of: bridge.sessionAlias, waiting: waiting, streamCount: streams.count,
            room: backlog.room(waiting: waiting), isItsTurn: isItsTurn)
    }

    /// What waits has gone: extenders and circuits learn what the peer granted meanwhile, each in turn.
    func passOnHeldBack() {
        let count = ledger.queueCount
        for _ in 0..<count {
            guard let alias = ledger.takeTurn(), let bridge = streams[alias] else { continue }
            bridge.credit.isInQueue = false
            passOnCredit(bridge, isItsTurn: true)
        }
        if count > 0 { flushLinks() }
        passOnCircuitCredit()
    }

    /// Has what waits counted, in the session and in its carrier.
    func recount() {
        guard let driver else { return }
        let (pending, sealed) = (driver.pendingByteCount, driver.sealedByteCount)
        let taken = sealed - min(UInt64(pending), sealed)
        backlog.count(driver.waitingByteCount + pending, taken: taken, by: self)
    }

    /// Too much waits in all sessions, and this one's peer is the slowest to read what does.
    func endsAsSlowest() {
        kernel.metrics.sessionsCrowdedOut.add()
        kernel.logger.info(
            "Too much waits for peers: the session of the slowest ends", metadata: ["session": "\(id)"])
        close(.limitExceeded)
    }
}
