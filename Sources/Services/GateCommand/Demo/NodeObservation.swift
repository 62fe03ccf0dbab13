import Foundation
package import GateModel

/// What a kernel worker, or several of a node, tell about themselves at their admin ports.
package struct NodeObservation: Sendable {
    /// A circuit that the node began.
    package struct Circuit: Sendable, Hashable {
        /// The relays in order, and last the destination.
        package let path: [NodeUUID]
    }

    /// The status as JSON text.
    package private(set) var status: String
    package private(set) var sessionCount: Int
    /// Versions of the peer protocol that its sessions speak.
    package private(set) var versions: Set<Int>
    /// Circuits of which this node has a part: its own, and those it carries for others.
    package private(set) var circuitCount: Int
    /// Circuits that this node began.
    package private(set) var circuits: [Circuit]
    /// Bytes that this node passed on for others.
    package private(set) var forwardedBytes: Int

    /// Asks `/status` and `/metrics`; blocks its thread.
    package init(admin: Endpoint) throws {
        status = try AdminRequest.get("/status", from: admin)
        let metrics = try AdminRequest.get("/metrics", from: admin)
        forwardedBytes = Int(AdminRequest.sum(of: "gate_relay_bytes_forwarded_total", in: metrics))
        let object = try JSONSerialization.jsonObject(with: Data(status.utf8)) as? [String: Any] ?? [:]
        let sessions = object["sessions"] as? [[String: Any]] ?? []
        sessionCount = sessions.count
        versions = Set(sessions.compactMap { $0["version"] as? Int })
        let entries = object["circuits"] as? [[String: Any]] ?? []
        circuitCount = entries.count
        circuits = entries.compactMap { entry in
            guard entry["part"] as? String == "origin", let names = entry["nodes"] as? [String] else { return nil }
            let path = names.compactMap { NodeUUID(text: $0) }
            return path.isEmpty ? nil : Circuit(path: path)
        }
    }

    /// What another worker of the node tells.
    mutating func add(_ other: NodeObservation) {
        status += "\n\(other.status)"
        sessionCount += other.sessionCount
        versions.formUnion(other.versions)
        circuitCount += other.circuitCount
        circuits += other.circuits
        forwardedBytes += other.forwardedBytes
    }
}

/// Requests to admin ports; blocks its thread.
package enum AdminRequest {
    /// Why an admin port gave no answer.
    package enum Failure: Error, CustomStringConvertible {
        case status(String, Substring)

        package var description: String {
            switch self {
            case .status(let path, let line): "\(path) answered '\(line)'"
            }
        }
    }

    /// The largest answer that is read.
    private static let bytesMax = 16 << 20

    /// The body of the answer.
    package static func get(_ path: String, from admin: Endpoint) throws -> String {
        let socket = try BlockingSocket(to: admin, patience: 5)
        try socket.write(Array("GET \(path) HTTP/1.1\r\nHost: \(admin)\r\nConnection: close\r\n\r\n".utf8))
        let answer = String(decoding: try socket.readToEnd(bytesMax: bytesMax), as: UTF8.self)
        let line = answer.prefix { $0 != "\r\n" }
        guard line.split(separator: " ").dropFirst().first == "200", let end = answer.range(of: "\r\n\r\n") else {
            throw Failure.status(path, line)
        }
        return String(answer[end.upperBound...])
    }

    /// The sum of all series of that name in Prometheus text.
    package static func sum(of metric: String, in text: String) -> Double {
        text.split(separator: "\n").reduce(0) { sum, line in
            guard line.hasPrefix(metric), let value = line.split(separator: " ").last,
                line.dropFirst(metric.count).first.map({ $0 == " " || $0 == "{" }) == true
            else { return sum }
            return sum + (Double(value) ?? 0)
        }
    }
}
