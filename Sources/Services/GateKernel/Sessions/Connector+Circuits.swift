import GateCrypto
import GateLink
import GateModel
import GateSession
import GateStore
import NIOCore

/// Sessions that circuits of others go on over.
extension Connector: CircuitReacher {
    func session(
        for record: NodeRecord, from neighbour: SessionEndpoint, _ ticket: DialTicket
    ) async -> SessionEndpoint? {
        let node = record.node
        guard neighbour.peer != .node(node) else { return nil }
        var hasAskedOurs = false
        while !ticket.isOver {
            if let session = kernel.session(with: node) { return session }
            if !hasAskedOurs, isDialling(node) {
                hasAskedOurs = true
                if let session = await ownDial(of: node) { return session }
            } else if let suspended = suspensions[node], kernel.isSuspended(suspended.endpoint) {
                // A fresh session would end the one that is about to go on.
                return try? await shared(.direct(node)) { await self.make(.direct(node)) }.get()
            } else if circuitDials.isUnderWay(node) {
                await withCheckedContinuation { circuitDials.wait(for: node, $0) }
            } else {
                guard let attempt = circuitDials.begin(node, for: neighbour.id) else { return nil }
                ticket.onEnd { attempt.end() }
                let session = await dial(record, attempt)
                circuitDials.end(node)
                ticket.settle()
                // It gave way to a dial of our own, whose success is as good.
                guard session == nil, attempt.isOver else { return session }
                hasAskedOurs = false
            }
        }
        return nil
    }

    private func dial(_ record: NodeRecord, _ attempt: DialTicket) async -> SessionEndpoint? {
        let places = record.places(
            own: dialler.own, allowsPrivate: table.settings[NodeSettings.relayAllowPrivate])
        guard !places.isEmpty, await isNewest(record) else { return nil }
        return await dialler.dial(record.node, for: attempt, at: places)
    }

    /// Whoever extends a circuit chooses which of a node's records we see; one that was replaced may lead anywhere.
    private func isNewest(_ record: NodeRecord) async -> Bool {
        guard let row = try? await store.peer(record.node) else { return true }
        var bytes = ByteBuffer(bytes: row.record)
        guard let stored = NodeRecord(from: &bytes) else { return true }
        return record.sequence >= stored.sequence
    }
}
