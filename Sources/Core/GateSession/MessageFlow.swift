import GateModel
import GateWire
import NIOCore

/// One extender's messages of one class that wait to be sent, the first of them perhaps begun.
struct MessageFlow {
    var waiting = Fifo<ExtenderMessage>()
    /// The first message's number once it has begun and not ended.
    var begunPart: UInt32?

    /// Whether the flow was empty before, and so has to take its place in the ring.
    mutating func append(_ message: ExtenderMessage) -> Bool {
        defer { waiting.append(message) }
        return waiting.isEmpty
    }

    /// Copies what waits into buffers of its own. One that has begun keeps its indices: they say how much was sent.
    mutating func settle() {
        waiting.updateEach { message in
            let begun = message.payload.readerIndex
            message.payload.moveReaderIndex(to: 0)
            message.payload = message.payload.owned
            message.payload.moveReaderIndex(forwardBy: begun)
        }
    }
}

/// Which messages an extender's flow holds.
struct MessageFlowKey: Hashable {
    let extender: ExtenderID
    let priority: Priority
}

/// How much of messages in parts is on its way; both sides keep within the same bounds.
struct PartialLoad {
    var count = 0
    var bytes = 0

    func hasRoom(for total: Int) -> Bool {
        count < WireLimits.partialMessagesMax && bytes + total <= WireLimits.partialMessageBytesMax
    }

    mutating func begin(_ total: Int) {
        count += 1
        bytes += total
    }

    mutating func end(_ total: Int) {
        count -= 1
        bytes -= total
    }
}

/// Puts the other side's messages together, within the bounds of ``PartialLoad``.
///
///     begun ──last part──▶ complete
///       └──late──▶ late ──last part──▶ dropped
///
/// A late message keeps its number and its place, for its parts may still come, and no memory.
struct MessageAssembly {
    /// How long a message may be under way, and as much longer for each whole ``paceBytes`` of it that came.
    static let patience = Duration.seconds(120)
    /// See ``patience``.
    static let paceBytes = 65_536

    private struct Partial {
        let part: UInt32
        let total: Int
        let begun: MonotonicInstant
        var message: ExtenderMessage
        var receivedBytes = 0
        var isLate = false

        var deadline: MonotonicInstant { begun + patience * (1 + receivedBytes / paceBytes) }
    }

    enum Step {
        case complete(ExtenderMessage)
        case incomplete
        /// All of a late message came; its id where a receipt is wanted.
        case dropped(UInt64?)
        case refused(SessionFailure)
    }

    private var partials: [Partial] = []
    private var load = PartialLoad()

    /// When ``drop(at:)`` is due; `nil` while nothing is under way.
    var nextDeadline: MonotonicInstant? {
        var next: MonotonicInstant?
        for partial in partials where !partial.isLate { next = min(next ?? partial.deadline, partial.deadline) }
        return next
    }

    mutating func start(part: UInt32, head: ExtenderMessage, total: Int, at now: MonotonicInstant) -> Step {
        if head.payload.readableBytes == total { return .complete(head) }
        guard !partials.contains(where: { $0.part == part }), head.payload.readableBytes > 0 else {
            return .refused(.protocolViolation)
        }
        guard load.hasRoom(for: total) else { return .refused(.limitExceeded) }
        load.begin(total)
        var message = head
        message.payload = ByteBuffer()
        message.payload.reserveCapacity(total)
        message.payload.writeImmutableBuffer(head.payload)
        let received = head.payload.readableBytes
        partials.append(Partial(part: part, total: total, begun: now, message: message, receivedBytes: received))
        return .incomplete
    }

    mutating func add(part: UInt32, _ bytes: ByteBuffer) -> Step {
        guard let index = partials.firstIndex(where: { $0.part == part }), bytes.readableBytes > 0 else {
            return .refused(.protocolViolation)
        }
        let total = partials[index].total
        guard partials[index].receivedBytes + bytes.readableBytes <= total else {
            return .refused(.protocolViolation)
        }
        partials[index].receivedBytes += bytes.readableBytes
        if !partials[index].isLate { partials[index].message.payload.writeImmutableBuffer(bytes) }
        guard partials[index].receivedBytes == total else { return .incomplete }
        load.end(total)
        let whole = partials.remove(at: index)
        guard whole.isLate else { return .complete(whole.message) }
        return .dropped(whole.message.flags.contains(.receiptWanted) ? whole.message.id : nil)
    }

    /// Gives up the memory of messages that are late.
    mutating func drop(at now: MonotonicInstant) {
        for index in partials.indices where !partials[index].isLate && partials[index].deadline <= now {
            partials[index].isLate = true
            partials[index].message.payload = ByteBuffer()
        }
    }
}
