import Logging
import Synchronization

/// Says once when notes begin to wait for the database, once when the first is dropped, and once when they are written
/// again; counts what is dropped.
final class NoteBacklog: Sendable {
    /// What is noted; the label of the metric `gate.notes.dropped`.
    enum Kind: String, CaseIterable {
        case sessions
        case refusals
        case peers
    }

    private struct State {
        var waiting: Set<Kind> = []
        var isDropping = false
    }

    private let logger: Logger
    private let state = Mutex(State())
    private let drops = Dictionary(
        uniqueKeysWithValues: Kind.allCases.map { ($0, KernelCounter("gate.notes.dropped", [("notes", $0.rawValue)])) })

    init(logger: Logger) { self.logger = logger }

    /// Notes of this kind could not be written.
    func waits(_ kind: Kind, _ reason: String) {
        guard state.withLock({ $0.waiting.insert(kind).inserted }) else { return }
        logger.warning("Notes wait for the database", metadata: ["notes": "\(kind)", "error": "\(reason)"])
    }

    /// There was no room for a note of this kind.
    func dropped(_ kind: Kind) {
        drops[kind]?.add()
        let isFirst = state.withLock { state in
            defer { state.isDropping = true }
            return !state.isDropping
        }
        guard isFirst else { return }
        logger.error(
            "The database is away for so long that notes are dropped; gate_notes_dropped_total counts them",
            metadata: ["notes": "\(kind)", "kept": "\(WorkerRegistry.notesMax)"])
    }

    /// Notes of this kind were written.
    func written(_ kind: Kind) {
        let isOver = state.withLock { state in
            guard state.waiting.remove(kind) != nil, state.waiting.isEmpty else { return false }
            state.isDropping = false
            return true
        }
        if isOver { logger.notice("The database takes notes again") }
    }
}
