internal import Foundation
internal import GateSupervisor
internal import Glibc

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

    /// What is written at `path`; `nil` if nothing is or its writer is gone.
    static func read(_ path: String) -> NodeState? {
        guard let data = FileManager.default.contents(atPath: path),
            let state = try? JSONDecoder().decode(NodeState.self, from: data), kill(state.pid, 0) == 0
        else { return nil }
        return state
    }

    /// Replaces the file in one step.
    func write(_ path: String) throws {
        try Data(try jsonText(self).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    }
}

/// Lets only one `quantumgate node` run a folder. The lock ends with the process, however it ends.
struct NodeLock: ~Copyable {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw CommandFailure("\(path) can't be written") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw CommandFailure("another `quantumgate node` runs this folder already")
        }
    }

    deinit { close(descriptor) }
}
