import Foundation
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
        let version: UInt8
        let streams: Int
        /// Key updates so far.
        let keyEpoch: UInt32
    }

    /// One attached replica of an extender.
    package struct Extender: Sendable, Encodable {
        let extender: String
        let name: String
        let replica: String
    }

    let worker: String
    let node: String
    let sessions: [Session]
    let circuits: [CircuitDescription]
    let extenders: [Extender]
    /// Handshakes under way that others began.
    let handshakes: Int
    let draining: Bool
    let secretMemory: String

    /// As the admin port answers it.
    package var json: String? { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } }
}
