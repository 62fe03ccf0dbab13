import Foundation
package import GateModel
import Glibc

/// Looks for both ends of a circuit in what a node keeps: its log, its session and circuit objects, its database.
package struct KnowledgeInspection: Sendable {
    /// A thing that gives away who somebody is, as text or bytes.
    package struct Trace: Sendable {
        package let what: String
        package let bytes: [UInt8]

        package static func text(_ what: String, _ text: String) -> Trace { Trace(what: what, bytes: Array(text.utf8)) }
    }

    /// What a node knows of each end, each as `place: trace`.
    package struct Knowledge: Sendable {
        package let ofSource: [String]
        package let ofDestination: [String]
        /// Bytes that were looked through.
        package let byteCount: Int

        package var holdsBoth: Bool { !ofSource.isEmpty && !ofDestination.isEmpty }
    }

    private let source: [Trace]
    private let destination: [Trace]

    package init(source: [Trace], destination: [Trace]) {
        self.source = source
        self.destination = destination
    }

    /// Traces of a node: its UUID as text and bytes, and the addresses it is reached at or came from.
    package static func traces(of node: DemoNode, endpoints: [Endpoint] = []) -> [Trace] {
        let uuid = node.uuid.value
        return [
            .text("UUID", uuid.text), .text("UUID", uuid.text.uppercased()),
            .text("UUID", uuid.text.replacingOccurrences(of: "-", with: "")), Trace(what: "UUID", bytes: uuid.bytes),
        ] + ([node.peerEndpoint] + endpoints).map { .text("address \($0)", "\($0)") }
    }

    /// Reads everything that the node keeps; blocks its thread.
    package func inspect(_ node: DemoNode) throws -> Knowledge {
        var places: [(name: String, content: Data)] = []
        places.append(("status", Data(try node.observe().status.utf8)))
        for listing in ["peers", "sessions", "circuits"] {
            places.append((listing, Data(try node.command(listing, "--json").utf8)))
        }
        places.append(("log", FileManager.default.contents(atPath: node.log) ?? Data()))
        for suffix in ["", "-wal"] {
            places.append(("database", FileManager.default.contents(atPath: node.database + suffix) ?? Data()))
        }
        return Knowledge(
            ofSource: found(source, in: places), ofDestination: found(destination, in: places),
            byteCount: places.reduce(0) { $0 + $1.content.count })
    }

    private func found(_ traces: [Trace], in places: [(name: String, content: Data)]) -> [String] {
        var names: Set<String> = []
        for place in places {
            for trace in traces where place.content.firstRange(of: Data(trace.bytes)) != nil {
                names.insert("\(place.name): \(trace.what)")
            }
        }
        return names.sorted()
    }
}

/// Which local addresses a process dials from, read from the system's table of connections.
package enum DialledFrom {
    /// Local ends on IPv4's loopback of connections that the process has to one of `ports`.
    package static func endpoints(of process: Int32, to ports: Set<UInt16>) -> [Endpoint] {
        let own = inodes(of: process)
        guard let table = ProcessCost.read("/proc/\(process)/net/tcp") else { return [] }
        return table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            guard fields.count > 9, own.contains(String(fields[9])), let remote = port(fields[2]),
                ports.contains(remote), let local = port(fields[1])
            else { return nil }
            return Endpoint(host: "127.0.0.1", port: local)
        }
    }

    private static func port(_ address: Substring) -> UInt16? {
        address.split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
    }

    private static func inodes(of process: Int32) -> Set<String> {
        let folder = "/proc/\(process)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return Set(
            names.compactMap { name in
                guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(name)"),
                    target.hasPrefix("socket:[")
                else { return nil }
                return String(target.dropFirst("socket:[".count).dropLast())
            })
    }
}
