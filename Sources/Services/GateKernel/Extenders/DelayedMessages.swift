import GateLink
import GateModel

/// Messages of one replica that are held back, so that who watches can't tell what they answer: in the order in which they
/// are due. Their bytes are counted in their session's window.
struct DelayedMessages {
    /// A message and the epoch of its session when it came: it does not outlive that epoch.
    struct Held {
        let message: LinkMessage
        let epoch: SessionEpoch
        let due: MonotonicInstant
    }

    /// The next one last.
    private var held: [Held] = []

    /// The most that are held for one replica.
    static let countMax = 1024

    var hasRoom: Bool { held.count < DelayedMessages.countMax }

    /// When the next one is due.
    var nextDue: MonotonicInstant? { held.last?.due }

    /// Holds one more back; there has to be room. Of those due at the same moment the first comes first.
    mutating func hold(_ message: LinkMessage, in epoch: SessionEpoch, until due: MonotonicInstant) {
        precondition(hasRoom, "asked before")
        var low = 0
        var high = held.count
        while low < high {
            let middle = (low + high) / 2
            if held[middle].due <= due { high = middle } else { low = middle + 1 }
        }
        held.insert(Held(message: message, epoch: epoch, due: due), at: low)
    }

    /// Takes the next one that is due.
    mutating func takeDue(at now: MonotonicInstant) -> Held? {
        guard let next = held.last, next.due <= now else { return nil }
        return held.removeLast()
    }
}
