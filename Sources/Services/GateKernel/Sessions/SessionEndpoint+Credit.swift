import GateModel

/// Credit that the peer grants on streams, on its way to extenders.
extension SessionEndpoint {
    /// Tells the stream's extender what it may send now, if that is news.
    func passOnCredit(_ bridge: StreamBridge, isItsTurn: Bool = false) {
        if let limit = creditToTell(bridge, isItsTurn: isItsTurn) { toLink(bridge, .credit(limit: limit)) }
    }

    /// The limit that the stream's extender is to be told with what goes to it now.
    func creditToTell(_ bridge: StreamBridge, isItsTurn: Bool = false) -> UInt64? {
        let (waiting, count) = (driver?.waitingByteCount ?? .max, streams.count)
        return ledger.next(
            &bridge.credit, of: bridge.sessionAlias, waiting: waiting, streamCount: count, isItsTurn: isItsTurn)
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
}
