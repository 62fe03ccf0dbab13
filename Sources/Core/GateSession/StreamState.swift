import GateModel
import GateWire
import NIOCore

/// One stream as the session sees it: what waits to be sent, and both sides' credit.
struct StreamState {
    /// Whose it is, and in which class.
    let extender: ExtenderID
    let priority: Priority
    /// Bytes that wait, in order.
    private(set) var waiting = Fifo<ByteBuffer>()
    private(set) var waitingBytes = 0
    /// Whether the last of them are in a buffer of this stream's own.
    private var ownsLast = false
    /// Bytes sent so far, and up to where the other side allows.
    var sentOffset: UInt64 = 0
    var sendLimit: UInt64
    /// Bytes received so far, and up to where this side allowed.
    var receivedOffset: UInt64 = 0
    var receiveLimit: UInt64
    var finish = Finish.open
    var isFinishReceived = false
    /// Whether each side's extender has consumed all up to the other's finish, as this side and the other said.
    var isDoneSent = false
    var isDoneReceived = false
    /// Whether the stream goes on from an earlier epoch and one side has not yet said where it stands.
    var isResuming = false
    /// Whether the stream stands in its class's ring.
    var isInRing = false

    enum Finish { case open, waiting, sent }

    init(extender: ExtenderID, priority: Priority, sendLimit: UInt64, receiveLimit: UInt64) {
        self.extender = extender
        self.priority = priority
        self.sendLimit = sendLimit
        self.receiveLimit = receiveLimit
    }

    /// Bytes that may be sent now.
    var sendableBytes: Int { min(waitingBytes, Int(clamping: sendLimit - sentOffset)) }

    /// Whether something may be sent now: bytes within credit, or the end.
    var isSendable: Bool { !isResuming && (sendableBytes > 0 || (waitingBytes == 0 && finish == .waiting)) }

    /// Whether both directions ended and all of both was consumed.
    var isOver: Bool { isDoneSent && isDoneReceived }

    /// What this side says of a stream that goes on.
    mutating func stand(own: StreamStanding) {
        receivedOffset = own.received
        receiveLimit = max(own.limit, own.received)
        isFinishReceived = own.flags.contains(.finishReceived)
        isDoneSent = own.flags.contains(.doneSent)
    }

    /// What the other side says of a stream that goes on.
    mutating func stand(other: StreamStanding) {
        sentOffset = other.received
        sendLimit = max(other.limit, other.received)
        finish = other.flags.contains(.finishReceived) ? .sent : .open
        isDoneReceived = other.flags.contains(.doneSent)
    }

    /// Pieces join in a buffer of the stream's own up to so many bytes.
    private static let ownBytesMax = 16 * 1024

    /// Bytes that wait from now on. With `copies` they go into buffers of the stream's own, unless they have that already,
    /// small ones together: what waits then takes twice its bytes at most, in however many pieces it came.
    mutating func append(_ data: ByteBuffer, copies: Bool) {
        waitingBytes += data.readableBytes
        guard copies, data.readableBytes < StreamState.ownBytesMax || !data.isLean else {
            ownsLast = false
            return waiting.append(data)
        }
        let isJoined =
            ownsLast
            && waiting.updateLast { last in
                guard last.writerIndex + data.readableBytes <= StreamState.ownBytesMax else { return false }
                last.writeImmutableBuffer(data)
                return true
            } ?? false
        guard !isJoined else { return }
        var own = ByteBuffer()
        own.writeImmutableBuffer(data)
        ownsLast = true
        waiting.append(own)
    }

    /// Copies what waits into buffers of the stream's own.
    mutating func settle() {
        guard !waiting.isEmpty else { return }
        var slices = Fifo<ByteBuffer>()
        swap(&slices, &waiting)
        (waitingBytes, ownsLast) = (0, false)
        while let slice = slices.popFirst() { append(slice, copies: true) }
    }

    /// What one turn of a stream came to.
    struct Sent {
        var byteCount = 0
        var isStillSendable = false
    }

    /// Appends the bytes that may be sent now, and the end once there are no more, within `room` bytes.
    mutating func send(as alias: UInt32, into output: inout ByteBuffer, room: Int) -> Sent {
        let end = output.writerIndex + room
        let count = min(sendableBytes, room - MessageCodec.streamDataOverhead)
        if count > 0 {
            MessageCodec.encodeStreamDataHead(alias: alias, count: count, into: &output)
            take(count, into: &output)
        }
        if waitingBytes == 0, finish == .waiting, end - output.writerIndex >= MessageCodec.streamFinishBytes {
            MessageCodec.encode(.streamFinish(alias: alias), into: &output)
            finish = .sent
        }
        isInRing = isSendable
        return Sent(byteCount: max(count, 0), isStillSendable: isInRing)
    }

    private mutating func take(_ count: Int, into output: inout ByteBuffer) {
        var missing = count
        while missing > 0, var chunk = waiting.first {
            if chunk.readableBytes <= missing {
                missing -= chunk.readableBytes
                output.writeImmutableBuffer(chunk)
                _ = waiting.popFirst()
            } else {
                guard var head = chunk.readSlice(length: missing) else { break }
                output.writeBuffer(&head)
                waiting.updateFirst(chunk)
                missing = 0
            }
        }
        waitingBytes -= count
        sentOffset += UInt64(count)
    }
}
