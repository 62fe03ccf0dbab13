internal import Foundation
internal import GateDatabase
internal import GateSettings
internal import GateSupervisor

/// What `quantumgate node` tells `status` about its children, in `run/node.json`.
struct NodeState: Codable, Equatable {
    struct Child: Codable, Equatable {
        let name: String
        let phase: String
        let pid: Int32?
        let restarts: Int
        let lastEnd: String?
    }

    /// The supervisor's process.
    let pid: Int32
    let children: [Child]

    init(pid: Int32, statuses: [ChildStatus]) {
        self.pid = pid
        children = statuses.map {
            Child(
                name: $0.name, phase: $0.phase.rawValue, pid: $0.pid, restarts: $0.restartCount, lastEnd: $0.lastEnd)
        }
    }

    /// What a running node wrote; `nil` where none runs, whatever an earlier one left behind.
    static func read(_ settings: LocalSettings) -> NodeState? {
        guard NodeLock.isHeld(in: settings.directory),
            let data = FileManager.default.contents(atPath: settings.nodeStatePath)
        else { return nil }
        return try? JSONDecoder().decode(NodeState.self, from: data)
    }

    /// Replaces the file in one step.
    func write(_ path: String) throws {
        try Data(try jsonText(self).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}
