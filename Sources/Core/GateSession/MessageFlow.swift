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
struct MessageAssembly {
    private struct Partial {
        let part: UInt32
        let total: Int
        var message: ExtenderMessage
    }

    enum Step {
        case complete(ExtenderMessage)
        case incomplete
        case refused(SessionFailure)
    }

    private var partials: [Partial] = []
    private var load = PartialLoad()

    mutating func start(part: UInt32, head: ExtenderMessage, total: Int) -> Step {
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
        partials.append(Partial(part: part, total: total, message: message))
        return .incomplete
    }

    mutating func add(part: UInt32, _ bytes: ByteBuffer) -> Step {
        guard let index = partials.firstIndex(where: { $0.part == part }), bytes.readableBytes > 0 else {
            return .refused(.protocolViolation)
        }
        let total = partials[index].total
        guard partials[index].message.payload.readableBytes + bytes.readableBytes <= total else {
            return .refused(.protocolViolation)
        }
        partials[index].message.payload.writeImmutableBuffer(bytes)
        guard partials[index].message.payload.readableBytes == total else { return .incomplete }
        load.end(total)
        return .complete(partials.remove(at: index).message)
    }
}
