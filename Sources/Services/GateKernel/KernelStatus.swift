import GateModel

/// What a worker holds, as its admin port shows it. A relay's entries hold neighbours only.
package struct KernelStatus: Sendable, Encodable {
    /// One session, as its worker sees it.
    package struct Session: Sendable, Encodable {
        let id: String
        let peer: String
        let relayed: Bool
        let inbound: Bool
        let since: Int64
        let streams: Int
    }

    let worker: String
    let node: String
    let sessions: [Session]
    let circuits: [CircuitDescription]
    let extenders: [String]
    let secretMemory: String
}
