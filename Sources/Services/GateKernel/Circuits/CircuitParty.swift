import GateModel
import NIOCore

/// What a circuit's number on a session stands for: this node's part in that circuit, on the session's loop.
protocol CircuitParty: AnyObject {
    /// A run of the circuit's cells came; ``batchEnded(on:)`` follows.
    func received(_ cells: ByteBuffer, circuit: UInt32, on session: SessionEndpoint)
    /// The neighbour allows more cells.
    func credited(_ count: UInt32, circuit: UInt32, on session: SessionEndpoint)
    /// The neighbour destroyed the circuit; its number is already free.
    func destroyed(_ reason: UInt8, circuit: UInt32, on session: SessionEndpoint)
    /// The session is gone.
    func sessionEnded(circuit: UInt32, on session: SessionEndpoint)
    /// The read that brought cells is worked off.
    func batchEnded(on session: SessionEndpoint)
    func deadlinePassed(at now: MonotonicInstant)
    /// As `circuits` shows it; `nil` for a part that another party shows.
    var description: CircuitDescription? { get }
}

/// A circuit as `circuits` and `status` show it. A relay's entry holds its two neighbours and nothing else; only an
/// origin's holds the path.
struct CircuitDescription: Sendable, Encodable {
    enum Part: String, Sendable, Encodable {
        case origin, relay, destination
    }

    let part: Part
    /// The neighbours, origin's side first; at an origin the whole path, destination last.
    let nodes: [String]
    let state: String
    let forwardedBytes: UInt64
    let ageSeconds: Int64
}
