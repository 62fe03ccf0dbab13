import GateModel
import GateWire
import NIOCore

/// What waits to be sent, most urgent first: control, interactive, bulk. Extenders of one class take turns, and so do the
/// flows of each (streams, messages).
///
/// What comes while nothing waits is kept as it comes, a slice of a link's read. Such a slice keeps all of the read alive,
/// however few bytes it has itself. So what then does not leave at once is copied (``settle(_:)``), and so is what
/// comes behind it, until nothing waits again: the peer may leave it for long.
struct Outbox {
    /// What a flow may put into a record at once while others of its class wait.
    static let turnBytes = 8192
    /// Records with less room than this take no more data.
    static let leastRoom = 64
    /// Bytes of control messages that may wait, as encoded: whoever makes us answer and does not read costs no more.
    static let controlBytesMax = 256 * 1024

    private var control = Fifo<SessionMessage>()
    private var controlBytes = 0
    /// The number of the last ping that was not answered yet: the only one that is answered.
    private var pong: UInt64?
    private var interactive = TurnRing()
    private var bulk = TurnRing()
    private var messages: [MessageFlowKey: MessageFlow] = [:]
    private var messageBytes = 0
    private var load = PartialLoad()
    private var nextPart: UInt32 = 0
    private var cells = Fifo<ByteBuffer>()
    private var cellBytes = 0
    private var streamBytes = 0
    /// Whether slices wait: then nothing else but control messages does.
    private var hasSlices = false

    /// Bytes that wait, sendable or not, without the few that frame them.
    var queuedBytes: Int { controlBytes + messageBytes + cellBytes + streamBytes }

    /// Whether more control messages wait than may.
    var isOverfull: Bool { controlBytes > Outbox.controlBytesMax }

    /// Whether a record can be made now.
    var isSendable: Bool { !control.isEmpty || pong != nil || !interactive.isEmpty || !bulk.isEmpty }

    mutating func append(control message: SessionMessage) {
        control.append(message)
        controlBytes += MessageCodec.encodedBytes(message)
    }

    /// Answers a ping, in the place of an answer that still waits.
    mutating func append(pong number: UInt64) { pong = number }

    mutating func append(message: ExtenderMessage) {
        precondition(message.payload.readableBytes <= WireLimits.messageBytesMax, "a message has its bound")
        var message = message
        // A slice without bytes keeps what it is of, too.
        if message.payload.readableBytes == 0 || !mayShare() { message.payload = message.payload.owned }
        let key = MessageFlowKey(extender: message.extender, priority: message.priority)
        messageBytes += message.payload.readableBytes
        let isFirst = messages[key, default: MessageFlow()].append(message)
        if isFirst { ring(.messages(key), of: key.extender, key.priority) }
    }

    mutating func append(cells new: ByteBuffer) {
        precondition(new.readableBytes % WireLimits.cellBytes == 0, "cells come whole")
        guard new.readableBytes > 0 else { return }
        if cells.isEmpty { ring(.cells, of: nil, .bulk) }
        cells.append(mayShare() ? new : new.owned)
        cellBytes += new.readableBytes
    }

    mutating func append(data: ByteBuffer, of alias: UInt32, _ stream: inout StreamState) {
        stream.append(data, copies: !mayShare())
        streamBytes += data.readableBytes
        wake(alias, &stream)
    }

    /// To be called whenever a stream may have become sendable.
    mutating func wake(_ alias: UInt32, _ stream: inout StreamState) {
        guard !stream.isInRing, stream.isSendable else { return }
        stream.isInRing = true
        ring(.stream(alias), of: stream.extender, stream.priority)
    }

    /// To be called when a stream is dropped with bytes still waiting.
    mutating func forget(_ stream: StreamState) { streamBytes -= stream.waitingBytes }

    /// Drops everything: only what is appended after it will be sent.
    mutating func removeAll() { self = Outbox() }

    /// What still waits is there to stay for a while: buffers that it has slices of are given back.
    mutating func settle(_ streams: inout StreamTable) {
        guard hasSlices else { return }
        hasSlices = false
        guard sharableBytes > 0 else { return }
        streams.settle()
        for key in Array(messages.keys) { messages[key]?.settle() }
        cells.updateEach { $0 = $0.owned }
    }

    /// Bytes that may be slices.
    private var sharableBytes: Int { messageBytes + cellBytes + streamBytes }

    /// Whether what comes now may wait as a slice.
    private mutating func mayShare() -> Bool {
        if sharableBytes == 0 { hasSlices = true }
        return hasSlices
    }

    private mutating func ring(_ flow: TurnRing.Flow, of extender: ExtenderID?, _ priority: Priority) {
        if priority == .interactive { interactive.append(flow, of: extender) } else { bulk.append(flow, of: extender) }
    }

    // MARK: Making a record

    /// Appends messages while they fit before `end`; `streams` are the session's. Whether the last one is a switch of
    /// keys, so that nothing may follow in this record.
    mutating func fill(_ output: inout ByteBuffer, end: Int, streams: inout StreamTable) -> Bool {
        while let message = control.first {
            let count = MessageCodec.encodedBytes(message)
            guard output.writerIndex + count <= end else { return false }
            MessageCodec.encode(message, into: &output)
            controlBytes -= count
            _ = control.popFirst()
            if case .keySwitch = message { return true }
        }
        if let number = pong, output.writerIndex + MessageCodec.encodedBytes(.pong(number)) <= end {
            MessageCodec.encode(.pong(number), into: &output)
            pong = nil
        }
        fill(&output, end: end, streams: &streams, from: \.interactive)
        fill(&output, end: end, streams: &streams, from: \.bulk)
        return false
    }

    private mutating func fill(
        _ output: inout ByteBuffer, end: Int, streams: inout StreamTable,
        from ring: WritableKeyPath<Outbox, TurnRing>
    ) {
        // A flow that can't use the room (whole cells, parts beyond the bound) is passed over. No extender has two such in
        // one class, so after two rounds without a byte it ends.
        var passedOver = 0
        while end - output.writerIndex >= Outbox.leastRoom, passedOver < 2 * self[keyPath: ring].memberCount,
            let (flow, extender) = self[keyPath: ring].take()
        {
            let start = output.writerIndex
            let room = end - start
            let turn = self[keyPath: ring].isEmpty ? room : min(room, Outbox.turnBytes)
            let isStillSendable =
                switch flow {
                case .stream(let alias): sendStream(alias, &output, turn, &streams)
                case .messages(let key): sendMessages(key, &output, turn)
                case .cells: sendCells(&output, room)
                }
            if isStillSendable { self[keyPath: ring].append(flow, of: extender) }
            passedOver = output.writerIndex == start && isStillSendable ? passedOver + 1 : 0
        }
    }

    private mutating func sendStream(
        _ alias: UInt32, _ output: inout ByteBuffer, _ turn: Int, _ streams: inout StreamTable
    ) -> Bool {
        guard let index = streams.index(of: alias) else { return false }
        let sent = streams[index].send(as: alias, into: &output, room: turn)
        streamBytes -= sent.byteCount
        return sent.isStillSendable
    }

    private mutating func sendCells(_ output: inout ByteBuffer, _ room: Int) -> Bool {
        let waiting = cellBytes / WireLimits.cellBytes
        let fitting = (room - MessageCodec.cellsOverhead) / WireLimits.cellBytes
        let count = min(waiting, fitting, WireLimits.cellsMax)
        guard count > 0 else { return waiting > 0 }
        MessageCodec.encodeCellsHead(count: count, into: &output)
        var missing = count * WireLimits.cellBytes
        cellBytes -= missing
        while missing > 0, var chunk = cells.first {
            guard var head = chunk.readSlice(length: min(missing, chunk.readableBytes)) else { break }
            missing -= head.readableBytes
            output.writeBuffer(&head)
            if chunk.readableBytes == 0 { _ = cells.popFirst() } else { cells.updateFirst(chunk) }
        }
        return !cells.isEmpty
    }

    private mutating func sendMessages(_ key: MessageFlowKey, _ output: inout ByteBuffer, _ turn: Int) -> Bool {
        guard var flow = messages.removeValue(forKey: key) else { return false }
        let end = output.writerIndex + turn
        while var message = flow.waiting.first, end - output.writerIndex >= Outbox.leastRoom {
            let room = end - output.writerIndex
            if let part = flow.begunPart {
                sendPart(part, &message, room, &output)
            } else if !begin(&message, &flow, room, &output) {
                break
            }
            if message.payload.readableBytes == 0 {
                if flow.begunPart != nil { load.end(message.payload.writerIndex) }
                flow.begunPart = nil
                _ = flow.waiting.popFirst()
            } else {
                flow.waiting.updateFirst(message)
            }
        }
        guard !flow.waiting.isEmpty else { return false }
        messages[key] = flow
        return true
    }

    /// `false` where the other side could not hold one more message in parts, or its beginning does not fit.
    private mutating func begin(
        _ message: inout ExtenderMessage, _ flow: inout MessageFlow, _ room: Int, _ output: inout ByteBuffer
    ) -> Bool {
        let total = message.payload.readableBytes
        let count = min(total, room - MessageCodec.messageStartOverhead)
        if count < total {
            guard load.hasRoom(for: total) else { return false }
            load.begin(total)
            flow.begunPart = nextPart
            // From here on the payload's writer index is the message's length, for `load.end`.
            message.payload = message.payload.slice()
        }
        var head = message
        head.payload = message.payload.readSlice(length: count) ?? ByteBuffer()
        MessageCodec.encodeMessageStart(part: nextPart, head: head, total: total, into: &output)
        messageBytes -= count
        nextPart &+= 1
        return true
    }

    private mutating func sendPart(
        _ part: UInt32, _ message: inout ExtenderMessage, _ room: Int, _ output: inout ByteBuffer
    ) {
        let count = min(message.payload.readableBytes, room - MessageCodec.messagePartOverhead)
        guard let bytes = message.payload.readSlice(length: count) else { return }
        MessageCodec.encodeMessagePart(part: part, bytes, into: &output)
        messageBytes -= count
    }
}

extension ByteBuffer {
    /// Whether the buffer keeps hardly more alive than its bytes.
    var isLean: Bool { storageCapacity <= 2 * readableBytes }

    /// The same bytes in a buffer of their own, unless this one is as good as that.
    var owned: ByteBuffer {
        guard !isLean else { return self }
        var own = ByteBuffer()
        own.writeImmutableBuffer(self)
        return own
    }
}
