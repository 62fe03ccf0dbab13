import GateModel
package import NIOCore

/// Messages ⇄ the plaintext of records.
///
/// A plaintext is messages one after another, then padding. Every message starts with its type; numbers are big-endian.
///
/// | type | message | body |
/// | --- | --- | --- |
/// | 0 | padding | everything up to the record's end, ignored |
/// | 1 | ping | number u64 |
/// | 2 | pong | number u64 |
/// | 3 | close | reason u8 |
/// | 4 | extenders | count u16 (≤ 256), 16 bytes each |
/// | 5 | message start | part u32, extender 16, id u64, flags u8, total u32 (≤ 1 MiB), length u16, bytes |
/// | 6 | message part | part u32, length u16, bytes |
/// | 7 | receipt | id u64, status u8 |
/// | 8 | stream open | alias u32, replica u64, counter u64, extender 16, priority u8 (1, 2), credit u64 |
/// | 9 | stream data | alias u32, length u16, bytes |
/// | 10 | stream credit | alias u32, limit u64 |
/// | 11 | stream acknowledged | alias u32, offset u64 |
/// | 12 | stream finish | alias u32 |
/// | 13 | stream reset | alias u32, code u32 |
/// | 14 | cells | count u8 (1-31), 2048 bytes each |
/// | 15 | circuit credit | circuit u32, cells u32 |
/// | 16 | circuit destroy | circuit u32, reason u8 |
/// | 17 | stream done | alias u32 |
/// | 18 | stream resume | alias u32, replica u64, counter u64, extender 16, priority u8 (1, 2), flags u8, received u64, acknowledged u64, limit u64 |
/// | 19 | certificate (from version 2 on) | length u16 (≤ 8,192), bytes |
/// | 20 | key request (from version 2 on) | epoch u32, X25519 key 32, length u16 (≤ 1,568), bytes |
/// | 21 | key reply (from version 2 on) | epoch u32, X25519 key 32, length u16 (≤ 1,568), bytes |
/// | 22 | key switch (from version 2 on) | epoch u32 |
/// | 32 | resumed | accepted u8 (0, 1), epoch u32 |
package enum MessageCodec {
    /// Bytes before the data of a stream data message.
    package static let streamDataOverhead = 7
    /// Bytes before the first part of a message.
    package static let messageStartOverhead = 36
    /// Bytes before any later part of a message.
    package static let messagePartOverhead = 7
    /// A stream finish message.
    package static let streamFinishBytes = 5
    /// Bytes before the cells of a cells message.
    package static let cellsOverhead = 2

    /// The first byte of each message.
    enum Kind: UInt8 {
        case padding, ping, pong, close, extenders, messageStart, messagePart, receipt, streamOpen, streamData
        case streamCredit, streamAcknowledged, streamFinish, streamReset, cells, circuitCredit, circuitDestroy
        case streamDone, streamResume, certificate, keyRequest, keyReply, keySwitch
        case resumed = 32
    }

    /// Appends a message that fits a record whole. Not for `.message`, which goes in parts; longer lists, data and
    /// cells than the table allows are the caller's fault.
    package static func encode(_ message: SessionMessage, into output: inout ByteBuffer) {
        switch message {
        case .ping(let number): output.write(.ping, number)
        case .pong(let number): output.write(.pong, number)
        case .close(let reason): output.write(.close, reason.rawValue)
        case .resumed(let isAccepted, let epoch):
            output.writeMultipleIntegers(Kind.resumed.rawValue, UInt8(isAccepted ? 1 : 0), epoch)
        case .certificate(let bytes):
            output.write(.certificate, UInt16(bytes.readableBytes))
            output.writeImmutableBuffer(bytes)
        case .keyRequest(let share): encode(.keyRequest, share, into: &output)
        case .keyReply(let share): encode(.keyReply, share, into: &output)
        case .keySwitch(let epoch): output.write(.keySwitch, epoch)
        case .extenders(let list): encodeExtenders(list, into: &output)
        case .message: preconditionFailure("an extender message is encoded in parts")
        case .receipt(let id, let status):
            output.writeMultipleIntegers(Kind.receipt.rawValue, id, status.rawValue)
        case .streamOpen(let alias, let id, let extender, let priority, let credit):
            output.writeMultipleIntegers(
                Kind.streamOpen.rawValue, alias, id.replica, id.counter, extender.value.high, extender.value.low,
                priority.rawValue, credit)
        case .streamData(let alias, let data): encodeStreamData(alias: alias, data, into: &output)
        case .streamCredit(let alias, let limit):
            output.writeMultipleIntegers(Kind.streamCredit.rawValue, alias, limit)
        case .streamAcknowledged(let alias, let offset):
            output.writeMultipleIntegers(Kind.streamAcknowledged.rawValue, alias, offset)
        case .streamFinish(let alias): output.write(.streamFinish, alias)
        case .streamReset(let alias, let code):
            output.writeMultipleIntegers(Kind.streamReset.rawValue, alias, code)
        case .cells(let cells): encodeCells(cells, into: &output)
        case .circuitCredit(let circuit, let cells):
            output.writeMultipleIntegers(Kind.circuitCredit.rawValue, circuit, cells)
        case .circuitDestroy(let circuit, let reason):
            output.writeMultipleIntegers(Kind.circuitDestroy.rawValue, circuit, reason)
        case .streamDone(let alias): output.write(.streamDone, alias)
        case .streamResume(let alias, let resume): encode(resume, of: alias, into: &output)
        }
    }

    /// The bytes that ``encode(_:into:)`` will append.
    package static func encodedBytes(_ message: SessionMessage) -> Int {
        switch message {
        case .ping, .pong: 9
        case .close: 2
        case .resumed: 6
        case .certificate(let bytes): 3 + bytes.readableBytes
        case .keyRequest(let share), .keyReply(let share): 7 + KeyShare.agreementBytes + share.encapsulation.count
        case .extenders(let list): 3 + 16 * list.count
        case .message(let message): messageStartOverhead + message.payload.readableBytes
        case .receipt: 10
        case .streamOpen: 46
        case .streamData(_, let data): streamDataOverhead + data.readableBytes
        case .streamCredit, .streamAcknowledged: 13
        case .streamFinish, .streamDone, .keySwitch: 5
        case .streamResume: 63
        case .streamReset: 9
        case .cells(let cells): cellsOverhead + cells.readableBytes
        case .circuitCredit: 9
        case .circuitDestroy: 6
        }
    }

    /// Appends stream data of at most 65,535 bytes.
    package static func encodeStreamData(alias: UInt32, _ data: ByteBuffer, into output: inout ByteBuffer) {
        output.writeMultipleIntegers(Kind.streamData.rawValue, alias, UInt16(data.readableBytes))
        output.writeImmutableBuffer(data)
    }

    /// Appends what stands before `count` bytes of stream data (at most 65,535), which the caller appends.
    package static func encodeStreamDataHead(alias: UInt32, count: Int, into output: inout ByteBuffer) {
        output.writeMultipleIntegers(Kind.streamData.rawValue, alias, UInt16(count))
    }

    /// Appends what stands before `count` cells (1 to 31), which the caller appends.
    package static func encodeCellsHead(count: Int, into output: inout ByteBuffer) {
        output.write(.cells, UInt8(count))
    }

    /// Appends the beginning of a message of `total` bytes, with `head.payload` as its first part.
    package static func encodeMessageStart(
        part: UInt32, head: ExtenderMessage, total: Int, into output: inout ByteBuffer
    ) {
        output.writeMultipleIntegers(
            Kind.messageStart.rawValue, part, head.extender.value.high, head.extender.value.low, head.id,
            head.flags.rawValue, UInt32(total), UInt16(head.payload.readableBytes))
        output.writeImmutableBuffer(head.payload)
    }

    /// Appends a later part of a message.
    package static func encodeMessagePart(part: UInt32, _ data: ByteBuffer, into output: inout ByteBuffer) {
        output.writeMultipleIntegers(Kind.messagePart.rawValue, part, UInt16(data.readableBytes))
        output.writeImmutableBuffer(data)
    }

    private static func encode(_ resume: StreamResume, of alias: UInt32, into output: inout ByteBuffer) {
        output.writeMultipleIntegers(
            Kind.streamResume.rawValue, alias, resume.id.replica, resume.id.counter, resume.extender.value.high,
            resume.extender.value.low, resume.priority.rawValue, resume.standing.flags.rawValue)
        output.writeMultipleIntegers(
            resume.standing.received, resume.standing.acknowledged, resume.standing.limit)
    }

    private static func encode(_ kind: Kind, _ share: KeyShare, into output: inout ByteBuffer) {
        precondition(
            share.agreement.count == KeyShare.agreementBytes
                && share.encapsulation.count <= WireLimits.encapsulationBytesMax,
            "a share has one key of each kind")
        output.write(kind, share.epoch)
        output.writeBytes(share.agreement)
        output.writeInteger(UInt16(share.encapsulation.count))
        output.writeBytes(share.encapsulation)
    }

    private static func encodeExtenders(_ list: [ExtenderID], into output: inout ByteBuffer) {
        precondition(list.count <= WireLimits.extendersMax, "a list of extenders has at most 256 names")
        output.write(.extenders, UInt16(list.count))
        for extender in list { output.writeMultipleIntegers(extender.value.high, extender.value.low) }
    }

    private static func encodeCells(_ cells: ByteBuffer, into output: inout ByteBuffer) {
        let count = cells.readableBytes / WireLimits.cellBytes
        precondition(
            count * WireLimits.cellBytes == cells.readableBytes && (1...WireLimits.cellsMax).contains(count),
            "a cells message has 1 to 31 whole cells")
        output.write(.cells, UInt8(count))
        output.writeImmutableBuffer(cells)
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ kind: MessageCodec.Kind, _ body: some FixedWidthInteger) {
        writeMultipleIntegers(kind.rawValue, body)
    }
}
