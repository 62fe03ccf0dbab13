import GateModel
import GateSession
import GateTestKit
import GateWire
import NIOCore

/// One side of a simulated connection: what its extenders sent, granted and got. It knows by itself which bytes are right.
struct SimulatedEnd {
    struct Stream {
        /// Bytes handed to the session, and those that came from the other side.
        var sent = 0
        var received = 0
        /// Up to where this side let the other send.
        var granted: Int
        var hasFinished = false
        var hasHeardFinish = false
        var hasSaidDone = false
        var hasHeardDone = false

        var isOver: Bool { hasSaidDone && hasHeardDone }
    }

    /// What a message was: enough to know it again.
    struct Sent: Equatable {
        let id: UInt64
        let count: Int
    }

    /// Messages of one extender in one class keep their order.
    struct Lane: Hashable {
        let extender: ExtenderID
        let isInteractive: Bool
    }

    /// Tells the bytes of both directions apart.
    let isDialler: Bool
    var streams: [UInt32: Stream] = [:]
    /// What was sent, in order, and how many of the other side's have come.
    private(set) var messages: [Lane: [Sent]] = [:]
    private var heard: [Lane: Int] = [:]
    private var nextMessage: UInt64 = 1

    init(isDialler: Bool) { self.isDialler = isDialler }

    static let lanes = [
        Lane(extender: ShippedExtender.socks5, isInteractive: false),
        Lane(extender: ShippedExtender.socks5, isInteractive: true),
        Lane(extender: ExtenderID(UUIDBytes(high: 7, low: 7)), isInteractive: false),
    ]

    // MARK: Sending

    /// A new stream under this alias.
    mutating func open(_ alias: UInt32, credit: Int, isInteractive: Bool) -> SessionMessage {
        streams[alias] = Stream(granted: credit)
        return .streamOpen(
            alias: alias, id: StreamID(replica: 1, counter: UInt64(alias)), extender: ShippedExtender.socks5,
            priority: isInteractive ? .interactive : .bulk, credit: UInt64(credit))
    }

    /// The next bytes of a stream; `nil` where it sends no more.
    mutating func write(_ count: Int, to alias: UInt32) -> SessionMessage? {
        guard var stream = streams[alias], !stream.hasFinished else { return nil }
        let bytes = SimulatedEnd.bytes(stream.sent, count, of: alias, fromDialler: isDialler)
        stream.sent += count
        streams[alias] = stream
        return .streamData(alias: alias, bytes)
    }

    mutating func finish(_ alias: UInt32) -> SessionMessage? {
        guard let stream = streams[alias], !stream.hasFinished else { return nil }
        streams[alias]?.hasFinished = true
        return .streamFinish(alias: alias)
    }

    /// Lets the other side send so much more than has come.
    mutating func grant(_ more: Int, on alias: UInt32) -> SessionMessage? {
        guard let stream = streams[alias], stream.received + more > stream.granted else { return nil }
        streams[alias]?.granted = stream.received + more
        return .streamCredit(alias: alias, limit: UInt64(stream.received + more))
    }

    /// Says that all was consumed, once that is true.
    mutating func done(_ alias: UInt32) -> SessionMessage? {
        guard let stream = streams[alias], stream.hasHeardFinish, !stream.hasSaidDone else { return nil }
        streams[alias]?.hasSaidDone = true
        forgetIfOver(alias)
        return .streamDone(alias: alias)
    }

    mutating func reset(_ alias: UInt32) -> SessionMessage? {
        streams.removeValue(forKey: alias).map { _ in .streamReset(alias: alias, code: 1) }
    }

    mutating func message(_ count: Int, in lane: Lane) -> SessionMessage {
        defer { nextMessage += 1 }
        messages[lane, default: []].append(Sent(id: nextMessage, count: count))
        return .message(
            ExtenderMessage(
                extender: lane.extender, id: nextMessage, flags: lane.isInteractive ? .interactive : [],
                payload: SimulatedEnd.bytes(Int(nextMessage), count, of: 0, fromDialler: isDialler)))
    }

    // MARK: Receiving

    /// Messages of the other side that have not come.
    func missing(from other: SimulatedEnd) -> Int {
        other.messages.values.reduce(0) { $0 + $1.count } - heard.values.reduce(0, +)
    }

    /// Takes what came from `other`; what is wrong with it, if anything.
    mutating func received(_ message: SessionMessage, from other: SimulatedEnd) -> String? {
        switch message {
        case .streamOpen(let alias, _, _, _, _):
            // The dialler's aliases are odd.
            guard streams[alias] == nil, (alias % 2 == 0) == isDialler else { return "stream \(alias) is opened again" }
            streams[alias] = Stream(granted: Int(StreamLimits.openerCredit))
        case .streamData(let alias, let data):
            guard let stream = streams[alias] else { return "bytes of the unknown stream \(alias)" }
            let expected = SimulatedEnd.bytes(
                stream.received, data.readableBytes, of: alias, fromDialler: other.isDialler)
            guard data == expected else { return "other bytes of stream \(alias) at \(stream.received)" }
            streams[alias]?.received += data.readableBytes
            guard stream.received + data.readableBytes <= stream.granted else { return "more than was granted" }
        case .streamFinish(let alias):
            guard let stream = streams[alias], !stream.hasHeardFinish else { return "a second end of \(alias)" }
            if let sender = other.streams[alias], sender.sent != stream.received {
                return "stream \(alias) ended at \(stream.received) of \(sender.sent)"
            }
            streams[alias]?.hasHeardFinish = true
        case .streamDone(let alias):
            guard let stream = streams[alias], stream.hasFinished else { return "done before the end of \(alias)" }
            streams[alias]?.hasHeardDone = true
            forgetIfOver(alias)
        case .streamReset(let alias, _):
            guard streams.removeValue(forKey: alias) != nil else { return "a reset of nothing" }
        case .message(let message): return received(message, from: other)
        case .streamCredit: break
        default: return "nobody sent \(message)"
        }
        return nil
    }

    private mutating func received(_ message: ExtenderMessage, from other: SimulatedEnd) -> String? {
        let lane = Lane(extender: message.extender, isInteractive: message.flags.contains(.interactive))
        let number = heard[lane, default: 0]
        guard let sent = other.messages[lane], number < sent.count, sent[number].id == message.id else {
            return "message \(message.id) is not the next of its lane"
        }
        heard[lane] = number + 1
        let expected = SimulatedEnd.bytes(Int(message.id), sent[number].count, of: 0, fromDialler: other.isDialler)
        return message.payload == expected ? nil : "message \(message.id) has other bytes"
    }

    private mutating func forgetIfOver(_ alias: UInt32) {
        if streams[alias]?.isOver ?? false { streams[alias] = nil }
    }

    /// What a stream carries from an offset on: each place has a byte of its own, and some runs are worth compressing.
    static func bytes(_ offset: Int, _ count: Int, of alias: UInt32, fromDialler: Bool) -> ByteBuffer {
        let salt = Int(alias) &* 40_503 &+ (fromDialler ? 17 : 90)
        return ByteBuffer(bytes: (offset..<offset + count).map { UInt8(truncatingIfNeeded: ($0 >> 4) &* 31 &+ salt) })
    }
}
