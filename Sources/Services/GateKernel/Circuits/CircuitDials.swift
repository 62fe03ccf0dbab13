import GateCrypto
import GateModel
import GateTransport
import NIOCore

/// Dials that circuits of others cause, few at a time: a relay is no cannon.
struct CircuitDials {
    private var attempts: [NodeUUID: Attempt] = [:]
    private var counts: [SessionID: Int] = [:]

    /// Addresses of a record that are tried for one circuit.
    static let placesMax = 2
    /// Dials under way that one neighbour's circuits may cause.
    static let perNeighbourMax = 8
    /// Dials under way that all circuits of the worker may cause.
    static let allMax = 256

    /// One node's dial, and what is told when it is over.
    private struct Attempt {
        let ticket: DialTicket
        let neighbour: SessionID
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    func isUnderWay(_ node: NodeUUID) -> Bool { attempts[node] != nil }

    /// Enters a dial; `nil` where one more may not be, or this node's is under way.
    mutating func begin(_ node: NodeUUID, for neighbour: SessionID) -> DialTicket? {
        guard attempts[node] == nil, attempts.count < CircuitDials.allMax,
            counts[neighbour, default: 0] < CircuitDials.perNeighbourMax
        else { return nil }
        let ticket = DialTicket()
        attempts[node] = Attempt(ticket: ticket, neighbour: neighbour)
        counts[neighbour, default: 0] += 1
        return ticket
    }

    /// `continuation` is resumed when the node's dial is over.
    mutating func wait(for node: NodeUUID, _ continuation: CheckedContinuation<Void, Never>) {
        guard attempts[node] != nil else { return continuation.resume() }
        attempts[node]?.waiting.append(continuation)
    }

    mutating func end(_ node: NodeUUID) {
        guard let attempt = attempts.removeValue(forKey: node) else { return }
        let left = counts[attempt.neighbour, default: 1] - 1
        counts[attempt.neighbour] = left > 0 ? left : nil
        for continuation in attempt.waiting { continuation.resume() }
    }

    /// This node dials for itself: a circuit's dial gives way and waits for the outcome.
    func giveWay(_ node: NodeUUID) { attempts[node]?.ticket.end() }
}

extension NodeRecord {
    /// Where a circuit may be led to: literal addresses that are public unless private ones are allowed, and not ours.
    func places(own: OwnAddresses, allowsPrivate: Bool) -> [SocketAddress] {
        let places = endpoints.compactMap { endpoint -> SocketAddress? in
            guard let address = endpoint.literalAddress, allowsPrivate || address.isPublicUnicast,
                !own.contains(address, port: endpoint.port)
            else { return nil }
            return try? SocketAddress(ipAddress: endpoint.host, port: Int(endpoint.port))
        }
        return Array(places.prefix(CircuitDials.placesMax))
    }
}
