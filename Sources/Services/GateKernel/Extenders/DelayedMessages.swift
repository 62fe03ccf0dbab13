import GateLink
import GateModel
import NIOCore

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
    private var byteCount = 0

    /// The most that are held for one replica, and the bytes of all of them.
    static let countMax = 1024
    static let bytesMax = 16 << 20

    func hasRoom(for byteCount: Int) -> Bool {
        held.count < DelayedMessages.countMax && self.byteCount + byteCount <= DelayedMessages.bytesMax
    }

    /// When the next one is due.
    var nextDue: MonotonicInstant? { held.last?.due }

    /// Holds one more back; there has to be room. Of those due at the same moment the first comes first. Its payload is
    /// copied: a slice would hold all that came in the same read.
    mutating func hold(_ message: LinkMessage, in epoch: SessionEpoch, until due: MonotonicInstant) {
        precondition(hasRoom(for: message.payload.readableBytes), "asked before")
        var message = message
        message.payload = ByteBuffer(bytes: message.payload.readableBytesView)
        byteCount += message.payload.readableBytes
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
        byteCount -= next.message.payload.readableBytes
        return held.removeLast()
    }
}
