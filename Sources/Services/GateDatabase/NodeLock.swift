import Foundation
import Synchronization

/// Why a node's folder can't be locked.
package enum NodeLockFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// Another node runs on it.
    case held(directory: String)
    /// The lock's file can't be written.
    case noAccess(path: String)

    package var description: String {
        switch self {
        case .held(let directory): "another node runs on \(directory) already"
        case .noAccess(let path): "\(path) can't be written"
        }
    }
}

/// Lets only one node run on a folder: `quantumgate node`, or one inside a program. The lock ends with the process,
/// however it ends, so it says for sure whether a node runs.
package final class NodeLock: Sendable {
    private let descriptor: Mutex<CInt?>

    /// Takes the lock, or fails at once; makes `run/` where it is missing.
    package init(directory: String) throws(NodeLockFailure) {
        let path = NodeLock.path(in: directory)
        try? FileManager.default.createDirectory(
            atPath: "\(directory)/run", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .noAccess(path: path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw .held(directory: directory)
        }
        self.descriptor = Mutex(descriptor)
    }

    deinit { release() }

    /// Gives the folder free; also done when the lock goes.
    package func release() {
        descriptor.withLock { descriptor in
            if let held = descriptor { close(held) }
            descriptor = nil
        }
    }

    /// Whether a node runs on the folder now.
    package static func isHeld(in directory: String) -> Bool {
        let descriptor = open(path(in: directory), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0
    }

    private static func path(in directory: String) -> String { "\(directory)/run/node.lock" }
}
